#include <span>

#include "cpu/arguments.h"
#include "cpu/gru_stream.h"
#include "cpu/pack.h"
#include "cpu/recurrent_layout.h"

namespace sluice::cpu {
namespace {

// How the vectors of packed columns follow each other: block by block with its gates, or gate by
// gate with its blocks.
struct ColumnOrder {
  const RecurrentExtents& e;
  bool fused;

  int64_t gate(int64_t v) const { return fused ? v % e.cell->gates : v / e.blocks; }
  int64_t block(int64_t v) const { return fused ? v / e.cell->gates : v % e.blocks; }
  // These columns of a matrix with the columns [gates][H].
  ColumnBlock of(const float* matrix, int64_t v) const {
    const int64_t unit = block(v) * e.lanes;
    return {matrix + gate(v) * e.H + unit, std::min(e.lanes, e.H - unit)};
  }
};

// `own`: a bias beside h R, which but for the candidate's is added to the other one.
void packBiases(const RecurrentExtents& e, const ColumnOrder& order, const float* bias,
                const float* own, float* packedBias, float* packedCandidate) {
  std::fill_n(packedBias, e.columns(), 0.0f);
  if (packedCandidate) std::fill_n(packedCandidate, e.P, 0.0f);
  if (!bias) return;
  for (int64_t v = 0; v < e.columns() / e.lanes; ++v) {
    const ColumnBlock columns = order.of(bias, v);
    float* out = packedBias + v * e.lanes;
    const float* added = own && order.gate(v) < 2 ? own + (columns.at - bias) : nullptr;
    for (int64_t j = 0; j < columns.count; ++j) out[j] = columns.at[j] + (added ? added[j] : 0.0f);
  }
  if (own) std::copy_n(own + 2 * e.H, e.H, packedCandidate);
}

// The transpose of a matrix [n, gates H]: k runs over H columns of each gate in `gates`, padded to
// P.
void packGates(const RecurrentExtents& e, std::span<const int64_t> gates, int64_t n,
               const float* matrix, float* packed) {
  const int64_t panel = kPanelVectors * e.lanes;
  const int64_t columnsOfMatrix = e.cell->gates * e.H;
  for (int64_t first = 0; first < n; first += panel) {
    const int64_t columns = std::min(panel, n - first);
    const int64_t width = roundUp(columns, e.lanes);
    for (const int64_t gate : gates) {
      if (columns < width || e.H < e.P) std::fill_n(packed, e.P * width, 0.0f);
      packTransposed(e.H, columns, matrix + first * columnsOfMatrix + gate * e.H, columnsOfMatrix,
                     packed, width);
      packed += e.P * width;
    }
  }
}

// Planes of gains and offsets.
void packNorm(const OpCall& call, const RecurrentExtents& e, float* packed) {
  if (!e.normalized) return;
  const RecurrentPackedNorm at(e);
  std::fill_n(packed, at.size, 0.0f);
  const float* gamma = input(call, recurrent::kGamma);
  for (int64_t plane = 0; plane < 2 * e.cell->gates; ++plane)
    std::copy_n(gamma + plane * e.H, e.H, packed + at.gamma + plane * e.P);
  if (const float* cell = input(call, recurrent::kCellGamma)) {
    std::copy_n(cell, e.H, packed + at.cellGamma);
    std::copy_n(input(call, recurrent::kCellBeta), e.H, packed + at.cellBeta);
  }
}

}  // namespace

size_t recurrentPackedBytes(const OpCall& call) noexcept {
  if (gruIsReduced(call.attr<RecurrentAttributes>())) return gruReducedBytes(call);
  return static_cast<size_t>(RecurrentPacked(recurrentExtents(call)).size) * sizeof(float);
}

// The first inputs of the forward and the backward call are the same.
void recurrentPack(const OpCall& call, void* packed) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  if (gruIsReduced(attributes)) return gruReducedPack(call, packed);
  const RecurrentExtents e = recurrentExtents(call);
  const RecurrentPacked at(e);
  float* out = static_cast<float*>(packed);
  const float* kernel = input(call, recurrent::kKernel);
  const float* recurrent = input(call, recurrent::kRecurrentKernel);
  const float* bias = input(call, recurrent::kBias);
  const ColumnOrder order{e, e.cell->isFused(attributes)};
  const bool waits = e.cell->candidateWaits();
  const int64_t stride = e.cell->gates * e.H;
  const int64_t vectors = e.columns() / e.lanes;

  packBiases(e, order, bias, bias && waits && attributes.resetAfter ? bias + stride : nullptr,
             out + at.bias, waits ? out + at.candidateBias : nullptr);
  packNorm(call, e, out + at.norm);
  const auto pack = [&](const float* matrix, int64_t k, int64_t first, int64_t count, float* to,
                        int64_t panelVectors) {
    packColumns(
        e.lanes, k, count, stride, 1, [&](int64_t v) { return order.of(matrix, first + v); }, to,
        panelVectors);
  };
  pack(kernel, e.I, 0, vectors, out + at.kernel, kPanelVectors);
  if (order.fused) return pack(recurrent, e.H, 0, vectors, out + at.recurrent, e.cell->gates);
  const int64_t together = waits ? vectors - e.blocks : vectors;
  pack(recurrent, e.H, 0, together, out + at.recurrent, kPanelVectors);
  if (waits) pack(recurrent, e.H, together, e.blocks, out + at.candidate, kPanelVectors);
}

int32_t recurrentPackedForm(const OpCall& call) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  return 4 * static_cast<int32_t>(attributes.weights) + attributes.gateMasks;
}

size_t recurrentPackedBackwardBytes(const OpCall& call) noexcept {
  const RecurrentPackedBackward at(recurrentExtents(call), call.attr<RecurrentAttributes>());
  return static_cast<size_t>(at.size) * sizeof(float);
}

// The transposed weights: k runs over the padded planes of a row of gate gradients.
void recurrentPackBackward(const OpCall& call, void* packed) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  const RecurrentExtents e = recurrentExtents(call);
  const RecurrentPackedBackward at(e, attributes);
  float* out = static_cast<float*>(packed);
  const float* kernel = input(call, recurrent::kKernel);
  const float* recurrent = input(call, recurrent::kRecurrentKernel);

  static constexpr int64_t kInOrder[] = {0, 1, 2, 3}, kCandidateFirst[] = {2, 0, 1};
  const std::span<const int64_t> gates(kInOrder, static_cast<size_t>(e.cell->gates));

  if (attributes.gateMasks & 1) {
    for (const int64_t gate : gates)
      packGates(e, {&gate, 1}, e.I, kernel, out + at.kernelOf(e, gate));
  } else {
    packGates(e, gates, e.I, kernel, out + at.kernel);
  }
  if (attributes.gateMasks & 2) {
    for (const int64_t gate : gates)
      packGates(e, {&gate, 1}, e.H, recurrent, out + at.recurrentOf(e, gate));
  } else if (!e.cell->candidateWaits()) {
    packGates(e, gates, e.H, recurrent, out + at.recurrent);
  } else if (attributes.resetAfter) {
    packGates(e, kCandidateFirst, e.H, recurrent, out + at.recurrent);
  } else {
    packGates(e, gates.first(2), e.H, recurrent, out + at.recurrent);
    packGates(e, gates.last(1), e.H, recurrent, out + at.candidate);
  }
  packNorm(call, e, out + at.norm);
  if (attributes.recompute) recurrentPack(call, out + at.forward);
}

}  // namespace sluice::cpu
