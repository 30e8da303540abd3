#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
namespace {

template <class Format>
using Forward = ForwardTail<LstmCell, Format>;
template <class Format>
using Backward = BackwardTail<LstmCell, Format>;

}  // namespace

const RecurrentCell& lstmCell() noexcept {
  static const RecurrentCell kCell = [] {
    RecurrentCell cell = cellOf<LstmCell>("lstm");
    cell.forward = launchStep<4, Forward, ForwardStep>;
    cell.backward = launchStep<1, Backward, BackwardStep>;
    return cell;
  }();
  return kCell;
}

}  // namespace sluice::cuda
