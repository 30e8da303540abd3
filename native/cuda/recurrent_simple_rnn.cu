#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
namespace {

template <class Format>
using Forward = ForwardTail<SimpleRnnCell, Format>;
template <class Format>
using Backward = BackwardTail<SimpleRnnCell, Format>;

}  // namespace

const RecurrentCell& simpleRnnCell() noexcept {
  static const RecurrentCell kCell = [] {
    RecurrentCell cell = cellOf<SimpleRnnCell>("simpleRnn");
    cell.forward = launchStep<1, Forward, ForwardStep>;
    cell.backward = launchStep<1, Backward, BackwardStep>;
    return cell;
  }();
  return kCell;
}

}  // namespace sluice::cuda
