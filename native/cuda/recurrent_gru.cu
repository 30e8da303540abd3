#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
const RecurrentCell& gruCell() noexcept {
  static const RecurrentCell kCell = [] {
    RecurrentCell cell = cellOf<GruCell>("gru");
    // The candidate's h R + c has a gradient of its own.
    cell.parts[0] = {0, 2, 0, 0, 0};
    cell.parts[1] = {2, 1, 3, 0, 3};
    cell.partCount = 2;
    cell.forward = launchStep<3, ForwardTail, GruCell, ForwardStep>;
    cell.backward = launchStep<1, BackwardTail, GruCell, BackwardStep>;
    cell.backwardMasked = launchMasked<GruCell, 3>;
    return cell;
  }();
  return kCell;
}

}  // namespace sluice::cuda
