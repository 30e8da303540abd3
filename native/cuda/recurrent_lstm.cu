#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
const RecurrentCell& lstmCell() noexcept {
  static const RecurrentCell kCell = [] {
    RecurrentCell cell = cellOf<LstmCell>("lstm");
    cell.forward = launchStep<4, ForwardTail, LstmCell, ForwardStep>;
    cell.backward = launchStep<1, BackwardTail, LstmCell, BackwardStep>;
    cell.backwardMasked = launchMasked<LstmCell, 4>;
    return cell;
  }();
  return kCell;
}

}  // namespace sluice::cuda
