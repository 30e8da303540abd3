#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
const RecurrentCell& simpleRnnCell() noexcept {
  static const RecurrentCell kCell = [] {
    RecurrentCell cell = cellOf<SimpleRnnCell>("simpleRnn");
    cell.forward = launchStep<1, ForwardTail, SimpleRnnCell, ForwardStep>;
    cell.backward = launchStep<1, BackwardTail, SimpleRnnCell, BackwardStep>;
    cell.backwardMasked = cell.backward;  // one gate
    return cell;
  }();
  return kCell;
}

}  // namespace sluice::cuda
