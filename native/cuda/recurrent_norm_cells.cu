// Cells with layer norm: those without, with more planes and the kernels that go row by row.
#include "cuda/recurrent_cell.h"

namespace sluice::cuda {
namespace {

template <class Cell>
RecurrentCell normed(RecurrentCell cell) {
  cell.hats = cell.saved();
  cell.extra += 2 * Cell::kGates + (kNormsState<Cell> ? 1 : 0);
  cell.gradients = Cell::kGradients + Cell::kGates;
  for (int i = 0; i < cell.partCount; ++i)
    cell.parts[i].gradient = Cell::kGradients + cell.parts[i].firstGate;
  cell.forwardRows = launchRows<ForwardTail, Cell, ForwardStep, ForwardNorm>;
  cell.backwardRows = launchRows<BackwardTail, Cell, BackwardStep, BackwardNorm>;
  return cell;
}

}  // namespace

const RecurrentCell& gruNormCell() noexcept {
  static const RecurrentCell kCell = normed<GruCell>(gruCell());
  return kCell;
}
const RecurrentCell& lstmNormCell() noexcept {
  static const RecurrentCell kCell = normed<NormedLstmCell>(lstmCell());
  return kCell;
}
const RecurrentCell& simpleRnnNormCell() noexcept {
  static const RecurrentCell kCell = normed<SimpleRnnCell>(simpleRnnCell());
  return kCell;
}

}  // namespace sluice::cuda
