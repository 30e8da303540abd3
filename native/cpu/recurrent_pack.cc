#include <initializer_list>

#include "cpu/arguments.h"
#include "cpu/gru_layout.h"
#include "cpu/gru_stream.h"
#include "cpu/pack.h"

namespace sluice::cpu {
namespace {

// How the vectors of packed columns follow each other: block by block with its gates, or gate by
// gate with its blocks.
struct ColumnOrder {
  const GruExtents& e;
  bool fused;

  int64_t gate(int64_t v) const { return fused ? v % 3 : v / e.blocks; }
  int64_t block(int64_t v) const { return fused ? v / 3 : v % e.blocks; }
  // These columns of a matrix with the columns [z r h][H].
  ColumnBlock of(const float* matrix, int64_t v) const {
    const int64_t unit = block(v) * e.lanes;
    return {matrix + gate(v) * e.H + unit, std::min(e.lanes, e.H - unit)};
  }
};

void packBiases(const GruExtents& e, const ColumnOrder& order, const float* bias, bool resetAfter,
                float* packedBias, float* packedCandidate) {
  const float* recurrent = bias && resetAfter ? bias + 3 * e.H : nullptr;
  std::fill_n(packedBias, 3 * e.P, 0.0f);
  std::fill_n(packedCandidate, e.P, 0.0f);
  if (!bias) return;
  for (int64_t v = 0; v < 3 * e.blocks; ++v) {
    const ColumnBlock columns = order.of(bias, v);
    float* out = packedBias + v * e.lanes;
    for (int64_t j = 0; j < columns.count; ++j) {
      // What r does not multiply is one sum.
      const bool joined = recurrent && order.gate(v) < 2;
      out[j] = columns.at[j] + (joined ? columns.at[3 * e.H + j] : 0.0f);
    }
  }
  if (recurrent) std::copy_n(recurrent + 2 * e.H, e.H, packedCandidate);
}

// The transpose of a matrix [n, 3H]: k runs over H columns of each gate in `gates`, padded to P.
void packGates(const GruExtents& e, std::initializer_list<int64_t> gates, int64_t n,
               const float* matrix, float* packed) {
  const int64_t panel = kPanelVectors * e.lanes;
  for (int64_t first = 0; first < n; first += panel) {
    const int64_t columns = std::min(panel, n - first);
    const int64_t width = roundUp(columns, e.lanes);
    for (const int64_t gate : gates) {
      if (columns < width || e.H < e.P) std::fill_n(packed, e.P * width, 0.0f);
      packTransposed(e.H, columns, matrix + first * 3 * e.H + gate * e.H, 3 * e.H, packed, width);
      packed += e.P * width;
    }
  }
}

}  // namespace

size_t gruPackedBytes(const OpCall& call) noexcept {
  if (gruIsReduced(call.attr<GruAttributes>())) return gruReducedBytes(call);
  return static_cast<size_t>(GruPacked(gruExtents(call)).size) * sizeof(float);
}

// The first inputs of the forward and the backward call are the same.
void gruPack(const OpCall& call, void* packed) noexcept {
  const auto& attributes = call.attr<GruAttributes>();
  if (gruIsReduced(attributes)) return gruReducedPack(call, packed);
  const GruExtents e = gruExtents(call);
  const GruPacked at(e);
  float* out = static_cast<float*>(packed);
  const float* kernel = input(call, gru::kKernel);
  const float* recurrent = input(call, gru::kRecurrentKernel);
  const ColumnOrder order{e, gruIsFused(attributes)};

  packBiases(e, order, input(call, gru::kBias), attributes.resetAfter != 0, out + at.bias,
             out + at.candidateBias);
  packColumns(
      e.lanes, e.I, 3 * e.blocks, 3 * e.H, 1, [&](int64_t v) { return order.of(kernel, v); },
      out + at.kernel);
  if (order.fused) {
    packColumns(
        e.lanes, e.H, 3 * e.blocks, 3 * e.H, 1, [&](int64_t v) { return order.of(recurrent, v); },
        out + at.recurrent);
    return;
  }
  packColumns(
      e.lanes, e.H, 2 * e.blocks, 3 * e.H, 1, [&](int64_t v) { return order.of(recurrent, v); },
      out + at.recurrent);
  packColumns(
      e.lanes, e.H, e.blocks, 3 * e.H, 1,
      [&](int64_t v) { return order.of(recurrent, 2 * e.blocks + v); }, out + at.candidate);
}

int32_t gruPackedForm(const OpCall& call) noexcept {
  return static_cast<int32_t>(call.attr<GruAttributes>().weights);
}

size_t gruPackedBackwardBytes(const OpCall& call) noexcept {
  return static_cast<size_t>(GruPackedBackward(gruExtents(call), call.attr<GruAttributes>()).size) *
         sizeof(float);
}

// The transposed weights: k runs over the padded planes of a row of gate gradients.
void gruPackBackward(const OpCall& call, void* packed) noexcept {
  const auto& attributes = call.attr<GruAttributes>();
  const GruExtents e = gruExtents(call);
  const GruPackedBackward at(e, attributes);
  float* out = static_cast<float*>(packed);
  const float* kernel = input(call, gru::kKernel);
  const float* recurrent = input(call, gru::kRecurrentKernel);

  packGates(e, {0, 1, 2}, e.I, kernel, out + at.kernel);
  if (attributes.resetAfter) {
    packGates(e, {2, 0, 1}, e.H, recurrent, out + at.recurrent);
  } else {
    packGates(e, {0, 1}, e.H, recurrent, out + at.recurrent);
    packGates(e, {2}, e.H, recurrent, out + at.candidate);
  }
  if (attributes.recompute) gruPack(call, out + at.forward);
}

}  // namespace sluice::cpu
