// The gradients of one direction of a GRU. Chunk by chunk from the last step to the first: each
// thread takes its own rows back through the chunk's steps; then the threads share out the
// gradients of the weights by blocks of units, whose edges and order of sums follow from the shape
// alone.
#include "cpu/arguments.h"
#include "cpu/gemm.h"
#include "cpu/gru_gates.h"
#include "cpu/gru_layout.h"
#include "cpu/gru_weight_gradients.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

constexpr int64_t kPlanes = GruReserve::kPlanes;

// Floats of gate gradients that a chunk aims at; they stay in the last-level cache.
constexpr int64_t kChunk = 1 << 20;

int64_t chunkSteps(const GruExtents& e) {
  const int64_t most = std::max<int64_t>(kChunk / std::max<int64_t>(e.B * kPlanes * e.P, 1), 1);
  const int64_t chunks = std::max<int64_t>((e.T + most - 1) / most, 1);
  return std::max<int64_t>((e.T + chunks - 1) / chunks, 1);
}

// Offsets in floats.
struct Scratch {
  int64_t gradients;   // [steps of a chunk][B][dq dz dr dn][P]
  int64_t dh;          // [B,P]
  int64_t dq;          // [B,P], without resetAfter: dn R_h^T
  int64_t firstValid;  // int64 [B]
  int64_t weights;     // GruWeightGradients'
  int64_t size;

  Scratch(const GruExtents& e, bool resetAfter) {
    gradients = 0;
    dh = chunkSteps(e) * e.B * kPlanes * e.P;
    dq = dh + e.B * e.P;
    firstValid = roundUp(dq + e.B * e.P, 2);
    weights = firstValid + 2 * e.B;
    size = weights + GruWeightGradients::scratchFloats(e, resetAfter, chunkSteps(e));
  }
};

class Backward {
 public:
  explicit Backward(const OpCall& call)
      : attributes_(call.attr<GruAttributes>()),
        context_(call.context),
        e_(gruExtents(call)),
        packedLayout_(e_),
        reserveLayout_(e_),
        scratchLayout_(e_, attributes_.resetAfter != 0),
        steps_(chunkSteps(e_)),
        x_(input(call, gruBackward::kX)),
        mask_(input<uint8_t>(call, gruBackward::kMask)),
        reserve_(input(call, gruBackward::kReserve)),
        dSequence_(input(call, gruBackward::kDSequence)),
        dFinal_(input(call, gruBackward::kDFinalState)),
        dx_(output(call, gruBackward::kDx)),
        dInitial_(output(call, gruBackward::kDInitialState)),
        packed_(static_cast<const float*>(call.packed)),
        scratch_(static_cast<float*>(call.scratch)),
        firstValid_(reinterpret_cast<int64_t*>(scratch_ + scratchLayout_.firstValid)),
        weights_(call, e_, scratch_ + scratchLayout_.weights, steps_) {}

  void run(int threads) {
    weights_.clear();
    parallelRegion(threads, [&](int thread, int count) {
      const Range rows = partOf(e_.B, 1, thread, count);
      start(rows);
      for (int64_t end = e_.T, chunk = 0; end > 0; end -= steps_, ++chunk) {
        const int64_t first = std::max<int64_t>(end - steps_, 0);
        for (int64_t s = end - 1; s >= first; --s) step(rows, s, first);
        if (dx_) inputGradients(rows, first, end);
        if (weights_.wanted()) {
          barrier_.wait(count);
          weights_.add(thread, chunk, gradients(first, first, 0), (end - first) * e_.B);
          // All threads leave at the same chunk: they read this after all have had their say.
          if (cancelled()) stop_.store(true, std::memory_order_relaxed);
          barrier_.wait(count);
          if (stop_.load(std::memory_order_relaxed)) return;
        } else if (cancelled()) {
          return;
        }
      }
      finish(rows);
    });
  }

 private:
  bool cancelled() const { return context_ && context_->cancelled(); }
  int64_t timeOf(int64_t s) const { return attributes_.reverse ? e_.T - 1 - s : s; }
  bool valid(int64_t row, int64_t s) const { return !mask_ || mask_[row * e_.T + timeOf(s)]; }
  const float* state(int64_t s, int64_t row) const {
    return reserve_ + reserveLayout_.stateAt(s, row);
  }
  const float* saved(int64_t s, int64_t row) const {
    return reserve_ + reserveLayout_.gatesAt(s, row);
  }
  float* gradients(int64_t s, int64_t first, int64_t row) const {
    return scratch_ + scratchLayout_.gradients + ((s - first) * e_.B + row) * kPlanes * e_.P;
  }
  float* dh(int64_t row) const { return scratch_ + scratchLayout_.dh + row * e_.P; }
  float* dq(int64_t row) const { return scratch_ + scratchLayout_.dq + row * e_.P; }
  const float* dOutput(int64_t s, int64_t row) const {
    return dSequence_ ? dSequence_ + (row * e_.T + timeOf(s)) * e_.H : nullptr;
  }

  void start(Range rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      std::fill_n(dh(row), e_.P, 0.0f);
      if (dFinal_) std::copy_n(dFinal_ + row * e_.H, e_.H, dh(row));
      firstValid_[row] = 0;
      while (firstValid_[row] < e_.T && !valid(row, firstValid_[row])) ++firstValid_[row];
    }
  }

  void finish(Range rows) const {
    for (int64_t row = rows.begin; row < rows.end && dInitial_; ++row)
      std::copy_n(dh(row), e_.H, dInitial_ + row * e_.H);
  }

  void step(Range rows, int64_t s, int64_t first) {
    bool any = false;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      if (valid(row, s)) {
        gruGates().gradients(gateArgs(s, first, row), attributes_);
        any = true;
      } else {
        skip(s, first, row);
      }
    }
    if (any) throughRecurrentKernel(rows, s, first);
    if (!weights_.wanted()) return;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const float* rh = attributes_.resetAfter ? nullptr : saved(s, row) + 3 * e_.P;
      weights_.keep((s - first) * e_.B + row, x_ + (row * e_.T + timeOf(s)) * e_.I, state(s, row),
                    rh);
    }
  }

  GateGradientArgs gateArgs(int64_t s, int64_t first, int64_t row) const {
    GateGradientArgs args{};
    args.width = e_.P;
    args.columns = e_.H;
    args.dy = dOutput(s, row);
    args.saved = saved(s, row);
    args.h = state(s, row);
    args.dh = dh(row);
    args.gradients = gradients(s, first, row);
    args.dq = dq(row);
    return args;
  }

  // A masked step changes nothing; an output that repeats an earlier one passes its gradient on.
  void skip(int64_t s, int64_t first, int64_t row) const {
    std::fill_n(gradients(s, first, row), kPlanes * e_.P, 0.0f);
    const float* dy = dOutput(s, row);
    if (!dy || !attributes_.repeatMasked || s < firstValid_[row]) return;
    for (int64_t i = 0; i < e_.H; ++i) dh(row)[i] += dy[i];
  }

  // dh += what flows through h R, for all rows: those of masked steps have gradients of zero.
  void throughRecurrentKernel(Range rows, int64_t s, int64_t first) const {
    Product product;
    product.rows = rows.end - rows.begin;
    product.lda = kPlanes * e_.P;
    product.ldc = e_.P;
    product.n = e_.P;
    const float* planes = gradients(s, first, rows.begin);
    if (!attributes_.resetAfter) {
      product.a = planes + 3 * e_.P;
      product.b = packed_ + packedLayout_.candidate;
      product.k = e_.P;
      product.c = dq(rows.begin);
      multiply(product);
      for (int64_t row = rows.begin; row < rows.end; ++row)
        if (valid(row, s)) gruGates().resetGradients(gateArgs(s, first, row), attributes_);
    }
    product.a = attributes_.resetAfter ? planes : planes + e_.P;
    product.b = packed_ + packedLayout_.recurrent;
    product.k = (attributes_.resetAfter ? 3 : 2) * e_.P;
    product.c = dh(rows.begin);
    product.accumulate = true;
    multiply(product);
  }

  // dx = [dz dr dn] W^T of these rows and steps.
  void inputGradients(Range rows, int64_t first, int64_t end) const {
    Product product;
    product.a = gradients(first, first, rows.begin) + e_.P;
    product.lda = kPlanes * e_.P;
    product.b = packed_ + packedLayout_.kernel;
    product.c = dx_ + (rows.begin * e_.T + timeOf(first)) * e_.I;
    product.ldc = e_.T * e_.I;
    product.rows = rows.end - rows.begin;
    product.k = 3 * e_.P;
    product.n = e_.I;
    product.outer = end - first;
    product.outerA = e_.B * kPlanes * e_.P;
    product.outerC = (attributes_.reverse ? -1 : 1) * e_.I;
    if (product.outer > product.rows) {
      std::swap(product.rows, product.outer);
      std::swap(product.lda, product.outerA);
      std::swap(product.ldc, product.outerC);
    }
    multiply(product);
  }

  const GruAttributes& attributes_;
  const RunContext* context_;
  const GruExtents e_;
  const GruPackedBackward packedLayout_;
  const GruReserve reserveLayout_;
  const Scratch scratchLayout_;
  const int64_t steps_;
  const float* x_;
  const uint8_t* mask_;
  const float* reserve_;
  const float* dSequence_;
  const float* dFinal_;
  float* dx_;
  float* dInitial_;
  const float* packed_;
  float* scratch_;
  int64_t* firstValid_;
  GruWeightGradients weights_;
  Barrier barrier_;
  std::atomic<bool> stop_{false};
};

int32_t launch(const OpCall& call) noexcept {
  const GruExtents e = gruExtents(call);
  Backward backward(call);
  backward.run(gruThreads(call, 12 * e.B * e.T * e.H * (e.H + e.I), e.B));
  return 0;
}

size_t scratchBytes(const OpCall& call) noexcept {
  const Scratch scratch(gruExtents(call), call.attr<GruAttributes>().resetAfter != 0);
  return static_cast<size_t>(scratch.size) * sizeof(float);
}

}  // namespace

const Kernel kGruBackward = {.name = "cpu.gruBackward",
                             .scratchBytes = scratchBytes,
                             .packedBytes = gruPackedBackwardBytes,
                             .pack = gruPackBackward,
                             .launch = launch};

}  // namespace sluice::cpu
