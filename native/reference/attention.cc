// Attention: products of matrices by heads, weights from scores, additive scores.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// The matrices of a value, one for each row of the batch and each head.
template <typename Real>
struct Matrices {
  Matrices(const TensorView& value, int64_t heads, bool transposed)
      : data(value.as<Real>()), heads(heads), transposed(transposed), apart(value.shape.rank == 4) {
    rows = value.shape[apart ? 2 : 1];
    columns = apart ? value.shape[3] : value.shape[2] / heads;
  }
  Real& at(int64_t b, int64_t head, int64_t i, int64_t j) const {
    if (transposed) std::swap(i, j);
    return apart ? data[((b * heads + head) * rows + i) * columns + j]
                 : data[((b * rows + i) * heads + head) * columns + j];
  }
  int64_t height() const { return transposed ? columns : rows; }
  int64_t width() const { return transposed ? rows : columns; }

  Real* data;
  int64_t heads;
  bool transposed, apart;
  int64_t rows = 0, columns = 0;  // as they lie
};

template <typename Real>
int32_t product(const OpCall& call) noexcept {
  using namespace headProduct;
  const auto& attributes = call.attr<HeadProductAttributes>();
  const int64_t heads = attributes.heads;
  const Matrices<const Real> a(call.in[kA], heads, attributes.transposeA);
  const Matrices<const Real> b(call.in[kB], heads, attributes.transposeB);
  const Matrices<Real> c(call.out[kC], heads, false);
  for (int64_t row = 0; row < call.out[kC].shape[0]; ++row)
    for (int64_t head = 0; head < heads; ++head)
      for (int64_t i = 0; i < c.rows; ++i)
        for (int64_t j = 0; j < c.columns; ++j) {
          Real sum = 0;
          for (int64_t k = 0; k < a.width(); ++k)
            sum += a.at(row, head, i, k) * b.at(row, head, k, j);
          c.at(row, head, i, j) = sum;
        }
  return 0;
}

template <typename Real>
Real factorOf(const AttentionWeightsAttributes& attributes, const Real* scale) {
  return static_cast<Real>(attributes.factor) * (scale ? *scale : Real(1));
}

template <typename Real>
int32_t weights(const OpCall& call) noexcept {
  using namespace attentionWeights;
  const auto& attributes = call.attr<AttentionWeightsAttributes>();
  const Shape& shape = call.in[kScores].shape;
  const int64_t B = shape[0], N = shape[1], Q = shape[2], V = shape[3];
  const Real factor = factorOf(attributes, input<Real>(call, kScale));
  const uint8_t* mask = input<uint8_t>(call, kMask);
  for (int64_t row = 0; row < B * N * Q; ++row) {
    const Real* scores = input<Real>(call, kScores) + row * V;
    Real* y = output<Real>(call, kY) + row * V;
    const int64_t b = row / (N * Q), q = row % Q;
    const auto isSeen = [&](int64_t v) {
      return (!mask || mask[b * V + v]) && (!attributes.causal || v <= q);
    };
    Real largest = -std::numeric_limits<Real>::infinity(), sum = 0;
    for (int64_t v = 0; v < V; ++v)
      if (isSeen(v)) largest = std::max(largest, factor * scores[v]);
    for (int64_t v = 0; v < V; ++v) {
      y[v] = isSeen(v) ? std::exp(factor * scores[v] - largest) : Real(0);
      sum += y[v];
    }
    for (int64_t v = 0; v < V; ++v)
      if (isSeen(v)) y[v] /= sum;
  }
  return 0;
}

template <typename Real>
int32_t weightsBackward(const OpCall& call) noexcept {
  using namespace attentionWeightsBackward;
  const auto& attributes = call.attr<AttentionWeightsAttributes>();
  const Shape& shape = call.in[kScores].shape;
  const int64_t V = shape[3], rows = shape[0] * shape[1] * shape[2];
  const Real factor = factorOf(attributes, input<Real>(call, kScale));
  Real dScale = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const Real* scores = input<Real>(call, kScores) + row * V;
    const Real* y = input<Real>(call, kY) + row * V;
    const Real* dy = input<Real>(call, kDy) + row * V;
    Real* dScores = output<Real>(call, kDScores) + row * V;
    Real mean = 0;
    for (int64_t v = 0; v < V; ++v) mean += y[v] * dy[v];
    for (int64_t v = 0; v < V; ++v) {
      const Real d = y[v] * (dy[v] - mean);
      dScores[v] = factor * d;
      dScale += static_cast<Real>(attributes.factor) * d * scores[v];
    }
  }
  if (Real* sum = output<Real>(call, kDScale)) *sum = dScale;
  return 0;
}

// Calls visit(query, key, scores, d) with the offsets of each sum's terms.
template <typename Visit>
void eachTerm(const Shape& query, const Shape& key, const Visit& visit) {
  const int64_t Q = query[1], V = key[1], D = query[2];
  for (int64_t b = 0; b < query[0]; ++b)
    for (int64_t q = 0; q < Q; ++q)
      for (int64_t v = 0; v < V; ++v)
        for (int64_t d = 0; d < D; ++d)
          visit((b * Q + q) * D + d, (b * V + v) * D + d, (b * Q + q) * V + v, d);
}

template <typename Real>
int32_t scores(const OpCall& call) noexcept {
  using namespace additiveScores;
  const Real *query = input<Real>(call, kQuery), *key = input<Real>(call, kKey);
  const Real *weight = input<Real>(call, kWeight), *inner = input<Real>(call, kInner);
  Real* y = output<Real>(call, kScores);
  std::fill_n(y, call.out[kScores].shape.elements(), Real(0));
  eachTerm(call.in[kQuery].shape, call.in[kKey].shape,
           [&](int64_t q, int64_t k, int64_t at, int64_t d) {
             const Real t = std::tanh((inner ? *inner : Real(1)) * (query[q] + key[k]));
             y[at] += weight ? weight[d] * t : t;
           });
  return 0;
}

template <typename Real>
int32_t scoresBackward(const OpCall& call) noexcept {
  using namespace additiveScoresBackward;
  const Real *query = input<Real>(call, kQuery), *key = input<Real>(call, kKey);
  const Real *weight = input<Real>(call, kWeight), *inner = input<Real>(call, kInner);
  const Real* dScores = input<Real>(call, kDScores);
  Real *dQuery = output<Real>(call, kDQuery), *dKey = output<Real>(call, kDKey);
  Real *dWeight = output<Real>(call, kDWeight), *dInner = output<Real>(call, kDInner);
  for (const TensorView* out = call.out; out < call.out + call.outCount; ++out)
    if (out->present()) std::fill_n(out->as<Real>(), out->shape.elements(), Real(0));
  eachTerm(call.in[kQuery].shape, call.in[kKey].shape,
           [&](int64_t q, int64_t k, int64_t at, int64_t d) {
             const Real scale = inner ? *inner : Real(1), sum = query[q] + key[k];
             const Real t = std::tanh(scale * sum);
             const Real slope = dScores[at] * (weight ? weight[d] : Real(1)) * (1 - t * t);
             if (dQuery) dQuery[q] += scale * slope;
             if (dKey) dKey[k] += scale * slope;
             if (dWeight) dWeight[d] += dScores[at] * t;
             if (dInner) *dInner += slope * sum;
           });
  return 0;
}

}  // namespace

template <typename Real>
Kernel headProductKernel() {
  return {.name = "reference.headProduct", .launch = product<Real>};
}
template <typename Real>
Kernel attentionWeightsKernel() {
  return {.name = "reference.attentionWeights", .launch = weights<Real>};
}
template <typename Real>
Kernel attentionWeightsBackwardKernel() {
  return {.name = "reference.attentionWeightsBackward", .launch = weightsBackward<Real>};
}
template <typename Real>
Kernel additiveScoresKernel() {
  return {.name = "reference.additiveScores", .launch = scores<Real>};
}
template <typename Real>
Kernel additiveScoresBackwardKernel() {
  return {.name = "reference.additiveScoresBackward", .launch = scoresBackward<Real>};
}
template Kernel headProductKernel<float>();
template Kernel headProductKernel<double>();
template Kernel attentionWeightsKernel<float>();
template Kernel attentionWeightsKernel<double>();
template Kernel attentionWeightsBackwardKernel<float>();
template Kernel attentionWeightsBackwardKernel<double>();
template Kernel additiveScoresKernel<float>();
template Kernel additiveScoresKernel<double>();
template Kernel additiveScoresBackwardKernel<float>();
template Kernel additiveScoresBackwardKernel<double>();

}  // namespace sluice::reference
