#include "cuda/recurrent_norm.h"

#include "cuda/gemm.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

// Rows of a chunk, [B,turns], among what forward saved of all steps.
struct SavedRows {
  SavedRows(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk)
      : turns(chunk.turns),
        begin(chunk.begin),
        T(e.T),
        ld(e.savedRow()),
        hats(input(call, recurrentBackward::kReserve) + e.cell->hats * e.H),
        factors(savedFactors(call, e)),
        mask(input<uint8_t>(call, recurrentBackward::kMask)) {}
  int64_t turns, begin, T, ld;
  const float *hats, *factors;
  const uint8_t* mask;

  __device__ int64_t at(int64_t row) const { return row / turns * T + begin + row % turns; }
  // In masked steps nothing has been saved.
  __device__ bool valid(int64_t at) const { return mask == nullptr || mask[at] != 0; }
};

// Columns of gate gradients times normalised ones that stand side by side.
struct NormColumns {
  int64_t count;
  int gradient, hat;  // planes, of hats the first is 0
  float* to;
};
Groups groupsOf(const RecurrentExtents& e, const StepChunk& chunk, int64_t columns) {
  return {columns, e.B * chunk.turns, true};
}

int32_t addColumns(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                   const NormColumns& columns, const float* gradients, bool accumulate,
                   void* scratch) {
  const SavedRows saved(call, e, chunk);
  const int64_t ld = e.gradientRow();
  const float* own = gradients + columns.gradient * e.H;
  const float* hats = saved.hats + columns.hat * e.H;
  float* to = columns.to;
  return reduceGroups<Sum<double>>(
      call, groupsOf(e, chunk, columns.count), scratch,
      [=] __device__(Sum<double> & sum, int64_t column, int64_t row) {
        const int64_t at = saved.at(row);
        if (saved.valid(at))
          sum.value += static_cast<double>(own[row * ld + column] * hats[at * saved.ld + column]);
      },
      [=] __device__(int64_t column, const Sum<double>& sum) {
        to[column] =
            static_cast<float>((accumulate ? static_cast<double>(to[column]) : 0) + sum.value);
      });
}

}  // namespace

const float* savedFactors(const OpCall& call, const RecurrentExtents& e) noexcept {
  return input(call, recurrentBackward::kReserve) + e.savedFactors();
}

int32_t normalizeInput(const OpCall& call, const RecurrentExtents& e,
                       const InputSums& in) noexcept {
  const float *gamma = input(call, recurrent::kGamma), *bias = input(call, recurrent::kBias);
  const auto epsilon = static_cast<float>(call.attr<RecurrentAttributes>().epsilon);
  return forEachGroup(call, Groups(in.rows, e.columns(), false),
                      [=] __device__(const Team& team, int64_t row, int64_t members) {
                        float *own = in.sums + row * in.ld, *gates = in.gates + row * in.ld;
                        const RowNorm norm =
                            normOf(team, members, epsilon, [&](int64_t i) { return own[i]; });
                        for (int64_t i = team.lane(); i < members; i += team.lanes()) {
                          const float hat = norm(own[i]);
                          if (in.factors != nullptr) own[i] = hat;
                          gates[i] = gamma[i] * hat + (bias != nullptr ? bias[i] : 0.0f);
                        }
                        if (in.factors != nullptr && members > 0 && team.lane() == 0)
                          in.factors[row * kNormFactors] = norm.factor;
                      });
}

size_t normGradientsScratchBytes(const RecurrentExtents& e, const StepChunk& chunk) noexcept {
  const auto of = [&](int64_t columns) {
    return reduceScratchBytes<Sum<double>>(groupsOf(e, chunk, columns));
  };
  size_t most = std::max(of(e.columns()), of(e.H));
  for (int i = 0; i < e.cell->partCount; ++i)
    most = std::max(most, of(e.cell->parts[i].gates * e.H));
  return most;
}

int32_t addNormGradients(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                         const float* gradients, bool accumulate, void* scratch) noexcept {
  using namespace recurrentBackward;
  int32_t status = 0;
  const auto add = [&](const NormColumns& columns) {
    if (status == 0) status = addColumns(call, e, chunk, columns, gradients, accumulate, scratch);
  };
  const int gates = e.cell->gates;
  float* dGamma = output(call, kDGamma);
  add({e.columns(), 0, 0, dGamma});
  for (int i = 0; i < e.cell->partCount; ++i) {
    const StatePart& part = e.cell->parts[i];
    add({part.gates * e.H, part.sum, gates + part.firstGate,
         dGamma + e.columns() + part.firstGate * e.H});
  }
  if (e.cell->states > 1) add({e.H, gates, 2 * gates, output(call, kDCellGamma)});
  return status;
}

int32_t normalizeInputBackward(const OpCall& call, const RecurrentExtents& e,
                               const StepChunk& chunk, float* gradients) noexcept {
  const SavedRows saved(call, e, chunk);
  const float* gamma = input(call, recurrent::kGamma);
  const int64_t ld = e.gradientRow();
  const auto n = static_cast<float>(e.columns());
  return forEachGroup(call, Groups(e.B * chunk.turns, e.columns(), false),
                      [=] __device__(const Team& team, int64_t row, int64_t members) {
                        const int64_t at = members > 0 ? saved.at(row) : 0;
                        if (members > 0 && !saved.valid(at)) members = 0;  // zeros, and stay so
                        float* own = gradients + row * ld;
                        const float* hats = saved.hats + at * saved.ld;
                        NormGradient back;
                        for (int64_t i = team.lane(); i < members; i += team.lanes())
                          back.add(gamma[i] * own[i], hats[i]);
                        back.merge(team);
                        for (int64_t i = team.lane(); i < members; i += team.lanes())
                          own[i] =
                              back(gamma[i] * own[i], hats[i], saved.factors[at * kNormFactors], n);
                      });
}

}  // namespace sluice::cuda
