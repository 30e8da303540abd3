// The GRU whose r multiplies h before that meets the candidate's columns: two kernels a step.
#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
const RecurrentCell& resetBeforeCell() noexcept {
  static const RecurrentCell kCell = [] {
    RecurrentCell cell = cellOf<ResetBeforeCell>("gru");
    cell.parts[0] = {0, 2, 0, 0, 0};
    cell.parts[1] = {2, 1, 2, ResetBeforeCell::kStates + ResetBeforeCell::kGates, 2};
    cell.partCount = 2;
    cell.forward = launchStep<1, ForwardTail, ResetBeforeCell, ForwardStep>;
    cell.backward = launchStep<1, BackwardTail, ResetBeforeCell, BackwardStep>;
    cell.backwardMasked = launchMasked<ResetBeforeCell, 2>;
    cell.forwardReset = launchStep<2, ResetTail, ResetBeforeCell, ForwardStep>;
    cell.backwardReset = launchStep<1, ResetBackwardTail, ResetBeforeCell, BackwardStep>;
    return cell;
  }();
  return kCell;
}

}  // namespace sluice::cuda
