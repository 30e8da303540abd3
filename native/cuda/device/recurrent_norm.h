// Steps with layer norm: a product that leaves its sums (SumTail), and what follows it row by row,
// as a norm needs the whole row. The rest of a step is what follows a product otherwise.
//
// Behind what a cell saves of a step stand the normalised planes, hats: x W, h R, c. Behind its
// gate gradients those of h R before the norm, a plane a gate.
#pragma once

#include "cuda/device/recurrent_backward.h"
#include "cuda/device/row_norm.h"

namespace sluice::cuda {

constexpr int64_t kNormFactors = 3;  // saved of a row: what x W, h R and c were multiplied with

struct SumStep {
  int32_t H;    // units of the product: columns
  float* sums;  // [B,H]
};
struct SumTail {
  SumStep step;
  struct Inputs {};

  __device__ Inputs load(int64_t, int32_t) const { return {}; }
  template <int>
  __device__ void finish(int64_t b, int32_t j, const float* sums, Inputs) const {
    step.sums[b * step.H + j] = sums[0];
  }
};

struct ForwardNorm {
  const float* sums;                  // [B,gates H]: h R
  const float* gamma;                 // [gates H], of h R
  const float *cellGamma, *cellBeta;  // [H], and
  float* cells;                       // [B,H]: scratch for c; where there is one
  float epsilon;
  float* factors;  // [B,T,kNormFactors]; null: backward does not follow
};

struct BackwardNorm {
  const float* sums;  // [B,planes H]: what came through h R, of each gate where those have masks
  int32_t planes;
  const float* gamma;
  const float* cellGamma;
  const float* factors;
};

template <class Cell>
constexpr bool kNormsState = Cell::kStates > 1;
// Of what is saved of a step, from the gates on.
template <class Cell>
constexpr int kStateHats = Cell::kGates + Cell::kExtra + Cell::kGates;
template <class Cell>
constexpr int kCellHats = kStateHats<Cell> + Cell::kGates;

// `units`: H, or 0 where there is no row b.
template <class Cell, class Format>
__device__ void finishRow(const Team& team, int64_t b, int64_t units,
                          const ForwardTail<Cell, Format>& tail, const ForwardNorm& norm) {
  const ForwardStep& step = tail.step;
  const int64_t H = step.H;
  const float* sums = norm.sums + b * Cell::kGates * H;
  const RowNorm ofState =
      normOf(team, Cell::kGates * units, norm.epsilon, [&](int64_t i) { return sums[i]; });
  const auto scale = [&](int64_t j, float* scaled) {
    for (int gate = 0; gate < Cell::kGates; ++gate)
      scaled[gate] = norm.gamma[gate * H + j] * ofState(sums[gate * H + j]);
  };
  RowNorm ofCell;
  if constexpr (kNormsState<Cell>) {
    float* cells = norm.cells + b * H;
    for (int64_t j = team.lane(); j < units; j += team.lanes()) {
      auto in = tail.load(b, static_cast<int32_t>(j));
      float scaled[Cell::kSums];
      scale(j, scaled);
      Cell::update(step.options, scaled, in.states, in.gates);
      cells[j] = in.states[1];
    }
    // A lane reads what it wrote.
    ofCell = normOf(team, units, norm.epsilon, [&](int64_t j) { return cells[j]; });
  }
  for (int64_t j = team.lane(); j < units; j += team.lanes()) {
    float scaled[Cell::kSums], cellHat = 0;
    scale(j, scaled);
    if constexpr (kNormsState<Cell>) {
      cellHat = ofCell(norm.cells[b * H + j]);
      scaled[Cell::kGates] = norm.cellGamma[j] * cellHat + norm.cellBeta[j];
    }
    if (step.keeps) {
      float* row = step.row(b, static_cast<int32_t>(j));
      for (int gate = 0; gate < Cell::kGates; ++gate)
        row[(kStateHats<Cell> + gate) * H] = ofState(sums[gate * H + j]);
      if constexpr (kNormsState<Cell>) row[kCellHats<Cell> * H] = cellHat;
    }
    const auto unit = static_cast<int32_t>(j);
    tail.template finish<1>(b, unit, scaled, tail.load(b, unit));
  }
  if (norm.factors == nullptr || units == 0 || team.lane() != 0) return;
  float* factors = norm.factors + (b * step.T + step.at) * kNormFactors;
  factors[1] = ofState.factor;
  factors[2] = ofCell.factor;
}

template <class Cell, class Format>
__device__ void finishRow(const Team& team, int64_t b, int64_t units,
                          const BackwardTail<Cell, Format>& tail, const BackwardNorm& norm) {
  const BackwardStep& step = tail.step;
  const int64_t H = step.H;
  const auto arriving = [&](int64_t j) {
    float sum = 0;
    for (int plane = 0; plane < norm.planes; ++plane)
      sum += norm.sums[(b * norm.planes + plane) * H + j] *
             step.stateMask(b, plane, static_cast<int32_t>(j));
    return sum;
  };
  if (step.dInitial != nullptr) {
    for (int64_t j = team.lane(); j < units; j += team.lanes())
      step.dInitial[b * H + j] = step.d[0][b * H + j] + arriving(j);
    return;
  }
  // In masked steps hats and factors are not looked at.
  const bool valid = units > 0 && step.valid(b);
  const float* row = step.row(b, 0);
  const float* factors = norm.factors + (b * step.T + step.at) * kNormFactors;
  const auto hat = [&](int plane, int64_t j) { return valid ? row[plane * H + j] : 0.0f; };
  const auto load = [&](int64_t j) {
    auto in = tail.load(b, static_cast<int32_t>(j));
    in.d[0] += arriving(j);
    return in;
  };

  // Of the normalised c times what it is multiplied with.
  const auto cellGradient = [&](int64_t j, const auto& in) {
    if constexpr (kNormsState<Cell>)
      return norm.cellGamma[j] *
             Cell::outputGradient(step.options, in.gates, in.extra, tail.arrived(in) * in.update);
    else
      return 0.0f;
  };
  NormGradient ofCell;
  if constexpr (kNormsState<Cell>) {
    for (int64_t j = team.lane(); valid && j < units; j += team.lanes())
      ofCell.add(cellGradient(j, load(j)), hat(kCellHats<Cell>, j));
    ofCell.merge(team);
  }

  NormGradient ofState;
  const auto scaled = [&](int gate, int64_t j, float g) { return norm.gamma[gate * H + j] * g; };
  for (int64_t j = team.lane(); j < units; j += team.lanes()) {
    auto in = load(j);
    if constexpr (kNormsState<Cell>)
      if (valid)
        in.d[1] +=
            ofCell(cellGradient(j, in), hat(kCellHats<Cell>, j), factors[2], static_cast<float>(H));
    float g[Cell::kGradients] = {};
    tail.goBack(b, static_cast<int32_t>(j), in, g);
    for (int gate = 0; gate < Cell::kGates; ++gate)
      ofState.add(scaled(gate, j, g[Cell::stateGradient(gate)]), hat(kStateHats<Cell> + gate, j));
  }
  ofState.merge(team);

  const float members = static_cast<float>(Cell::kGates * H);
  for (int64_t j = team.lane(); j < units; j += team.lanes())
    for (int gate = 0; gate < Cell::kGates; ++gate) {
      const auto unit = static_cast<int32_t>(j);
      const float own = *step.gradient(b, Cell::stateGradient(gate), unit);
      const float d = valid ? ofState(scaled(gate, j, own), hat(kStateHats<Cell> + gate, j),
                                      factors[1], members)
                            : 0.0f;
      *step.gradient(b, Cell::kGradients + gate, unit) = d;
      tail.next.put(b, gate, unit, d);
    }
}

}  // namespace sluice::cuda
