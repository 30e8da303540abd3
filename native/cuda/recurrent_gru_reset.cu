// The GRU whose r multiplies h before that meets the candidate's columns: two kernels a step.
#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
namespace {

template <class Format>
using Forward = ForwardTail<ResetBeforeCell, Format>;
template <class Format>
using Backward = BackwardTail<ResetBeforeCell, Format>;

}  // namespace

const RecurrentCell& resetBeforeCell() noexcept {
  static const RecurrentCell kCell = [] {
    RecurrentCell cell = cellOf<ResetBeforeCell>("gru");
    cell.parts[0] = {0, 2, 0, 0};
    cell.parts[1] = {2, 1, 2, ResetBeforeCell::kStates + ResetBeforeCell::kGates};
    cell.partCount = 2;
    cell.forward = launchStep<1, Forward, ForwardStep>;
    cell.backward = launchStep<1, Backward, BackwardStep>;
    cell.forwardReset = launchStep<2, ResetTail, ForwardStep>;
    cell.backwardReset = launchStep<1, ResetBackwardTail, BackwardStep>;
    return cell;
  }();
  return kCell;
}

}  // namespace sluice::cuda
