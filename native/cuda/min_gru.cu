// The recurrence of a minGRU, which meets no matrix: a thread a unit of a row, step by step.
#include "cuda/device/activate.h"
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

// How a thread walks over the steps of its row.
struct Steps {
  ActivationSpec activation;
  int64_t B, T, H;
  bool reverse, repeatMasked;
  const float* gates;
  const uint8_t* mask;
  const float* initial;

  explicit Steps(const OpCall& call)
      : activation(call.attr<RecurrentAttributes>().activation),
        B(call.in[minGru::kGates].shape[0]),
        T(call.in[minGru::kGates].shape[1]),
        H(call.in[minGru::kGates].shape[2] / 2),
        reverse(call.attr<RecurrentAttributes>().reverse != 0),
        repeatMasked(call.attr<RecurrentAttributes>().repeatMasked != 0),
        gates(input(call, minGru::kGates)),
        mask(input<uint8_t>(call, minGru::kMask)),
        initial(input(call, minGru::kInitialState)) {}

  // Where the k-th step of row b lies.
  __device__ int64_t at(int64_t b, int64_t k) const { return b * T + (reverse ? T - 1 - k : k); }
  __device__ bool counts(int64_t at) const { return !mask || mask[at] != 0; }
  // The two sums of unit j; nothing for steps that are not there.
  __device__ float2 sums(int64_t b, int64_t k, int64_t j) const {
    if (k < 0 || k >= T) return make_float2(0, 0);
    const float* own = gates + at(b, k) * 2 * H + j;
    return make_float2(own[0], own[H]);
  }
  __device__ float start(int64_t b, int64_t j) const { return initial ? initial[b * H + j] : 0.0f; }
};

int32_t forward(const OpCall& call) noexcept {
  using namespace minGru;
  const Steps steps(call);
  float *sequence = output(call, kSequence), *final = output(call, kFinalState),
        *states = output(call, kStates);
  return forEachOfRows(call, steps.B, steps.H, [=] __device__(int64_t b, int64_t j) {
    float h = steps.start(b, j);
    bool any = false;
    float2 next = steps.sums(b, 0, j);
    for (int64_t k = 0; k < steps.T; ++k) {
      const float2 sums = next;
      next = steps.sums(b, k + 1, j);  // asked for while this step is computed
      const int64_t at = steps.at(b, k);
      const bool valid = steps.counts(at);
      if (valid) h += sigmoid(sums.x) * (activate(steps.activation, sums.y) - h);
      any = any || valid;
      if (states) states[at * steps.H + j] = h;
      // The last output is the state, which stands still since.
      if (sequence) sequence[at * steps.H + j] = valid || (steps.repeatMasked && any) ? h : 0.0f;
    }
    final[b * steps.H + j] = h;
  });
}

int32_t backward(const OpCall& call) noexcept {
  using namespace minGruBackward;
  const Steps steps(call);
  const float *states = input(call, kStates), *dSequence = input(call, kDSequence),
              *dFinal = input(call, kDFinalState);
  float *dGates = output(call, kDGates), *dInitial = output(call, kDInitialState);
  return forEachOfRows(call, steps.B, steps.H, [=] __device__(int64_t b, int64_t j) {
    const int64_t H = steps.H;
    float dh = dFinal ? dFinal[b * H + j] : 0.0f, repeated = 0;
    float2 next = steps.sums(b, steps.T - 1, j);
    for (int64_t k = steps.T - 1; k >= 0; --k) {
      const float2 sums = next;
      next = steps.sums(b, k - 1, j);
      const int64_t at = steps.at(b, k);
      const float dy = dSequence ? dSequence[at * H + j] : 0.0f;
      float* own = dGates + at * 2 * H + j;
      if (!steps.counts(at)) {
        if (steps.repeatMasked) repeated += dy;
        own[0] = own[H] = 0;
        continue;
      }
      const float delta = dh + dy + repeated;
      repeated = 0;
      const float z = sigmoid(sums.x), c = activate(steps.activation, sums.y);
      const float before = k > 0 ? states[steps.at(b, k - 1) * H + j] : steps.start(b, j);
      own[0] = delta * (c - before) * (z * (1.0f - z));
      own[H] = delta * z * derivative(steps.activation, c, 0.0f);
      dh = delta * (1.0f - z);
    }
    if (dInitial) dInitial[b * H + j] = dh;
  });
}

// Cells have no other activations.
const char* whyNot(const OpCall& call) noexcept {
  return fitsCells(call.attr<RecurrentAttributes>().activation.kind)
             ? nullptr
             : "the activation is not one of a cell";
}

}  // namespace

Kernel minGruKernel() { return {.name = "cuda.minGru", .whyNot = whyNot, .launch = forward}; }
Kernel minGruBackwardKernel() {
  return {.name = "cuda.minGruBackward", .whyNot = whyNot, .launch = backward};
}

}  // namespace sluice::cuda
