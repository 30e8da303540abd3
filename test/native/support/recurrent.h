// Random calls of recurrences, forward and backward, for native tests.
#pragma once

#include <string>

#include "support/launch.h"

namespace sluice::test {

enum class MaskKind { None, Right, Left, Holes, EmptyRow };
inline constexpr MaskKind kMaskKinds[] = {MaskKind::None, MaskKind::Right, MaskKind::Left,
                                          MaskKind::Holes, MaskKind::EmptyRow};

inline constexpr Op kRecurrentOps[] = {Op::Gru, Op::Lstm, Op::SimpleRnn};

struct RecurrentSizes {
  Op op = Op::Gru;
  int64_t B = 1, T = 1, I = 1, H = 1;
  MaskKind mask = MaskKind::None;
  RecurrentAttributes attributes{.activation = {ActivationKind::Tanh},
                                 .recurrentActivation = {ActivationKind::Sigmoid}};
  bool bias = true;
  bool initialState = true;
  bool sequence = true;
  bool reserve = true;
  bool inputMasks = false;
  bool stateMasks = false;
  bool zoneoutMask = false;
  bool norm = false;

  int64_t columns() const { return (op == Op::Gru ? 3 : op == Op::Lstm ? 4 : 1) * H; }
  bool hasCell() const { return op == Op::Lstm; }
  RecurrentSizes normalized(double clip = 0) const {
    RecurrentSizes sizes = *this;
    sizes.norm = true;
    sizes.attributes.layerNorm = 1;
    sizes.attributes.epsilon = 0.1;  // bounds the slopes where a few values lie close together
    sizes.attributes.clip = clip;
    return sizes;
  }
  // With what training draws: masks of the gates, and zoneout's.
  RecurrentSizes regularised(bool input, bool state, bool zoneout) const {
    RecurrentSizes sizes = *this;
    sizes.inputMasks = input;
    sizes.stateMasks = state;
    sizes.zoneoutMask = zoneout;
    sizes.attributes.gateMasks = (input ? 1 : 0) + (state ? 2 : 0);
    sizes.attributes.zoneout = zoneout ? 0.3 : 0;
    return sizes;
  }
};

RecurrentSizes recurrentSizes(Op op, int64_t B, int64_t T, int64_t I, int64_t H);
std::string describe(const RecurrentSizes& sizes);

// Bool [B, T]; absent for None. EmptyRow: the first row has no valid step, the others have holes.
Tensor makeMask(Random& random, MaskKind kind, int64_t B, int64_t T);

// Weights of a size that keeps the gates in their interesting range. `sizes` must outlive the case:
// its attributes are the case's.
Case recurrentForward(Random& random, const RecurrentSizes& sizes, DType real);

// The backward call of a forward case that has been launched, with random gradients and every
// output.
Case recurrentBackwardOf(Random& random, const RecurrentSizes& sizes, const Case& forward);

// max|got - want| / max|want|; infinite where a NaN is on one side.
double relativeDifference(const Tensor& got, const Tensor& want);

struct RecurrentBounds {
  double forward = 2e-6;   // by difference()
  double gradient = 5e-6;  // by relativeDifference()
};

// Runs random calls forward and back on `fast` and, in double, on the reference, and expects every
// output within the bounds.
void expectAsReference(const Backend& fast, const RecurrentSizes& sizes, uint64_t seed,
                       const RunContext& context = {}, const RecurrentBounds& bounds = {});

}  // namespace sluice::test
