// One direction of a GRU over a sequence. Each thread takes its own rows through all steps, so
// there is nothing to wait for; every product is row-invariant (gemm.h), so how rows and steps are
// cut into pieces leaves no trace in the result: a sequence fed step by step gives the same bits.
#include "cpu/arguments.h"
#include "cpu/gemm.h"
#include "cpu/gru_layout.h"
#include "cpu/gru_step.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

// Floats of the input projection that is made in one go and read back from the cache.
constexpr int64_t kProjection = 1 << 17;

// Steps of one go, from the shape alone because the scratch depends on it.
int64_t chunkSteps(const GruExtents& e) {
  return std::clamp<int64_t>(kProjection / std::max<int64_t>(e.B * 3 * e.P, 1), 1,
                             std::max<int64_t>(e.T, 1));
}
// Rows that a thread takes through all steps before the next ones.
int64_t blockRows(const GruExtents& e) {
  return std::max<int64_t>(kProjection / (chunkSteps(e) * 3 * e.P), 8 * kMaxTileRows);
}

// Offsets in floats.
struct Scratch {
  int64_t projection;  // [steps][rows][3P] of each block of rows
  int64_t states;      // two of [B,P]
  int64_t q;           // [B,P], where the gates are not fused
  int64_t started;     // a byte a row: whether it had a valid step
  int64_t size;

  explicit Scratch(const GruExtents& e) {
    projection = 0;
    states = chunkSteps(e) * e.B * 3 * e.P;
    q = states + 2 * e.B * e.P;
    started = q + e.B * e.P;
    size = started + roundUp(e.B, 16);
  }
};

class Forward {
 public:
  explicit Forward(const OpCall& call)
      : attributes_(call.attr<GruAttributes>()),
        context_(call.context),
        e_(gruExtents(call)),
        packedLayout_(e_),
        reserveLayout_(e_),
        scratchLayout_(e_),
        step_(e_, attributes_),
        steps_(chunkSteps(e_)),
        x_(input(call, gru::kX)),
        mask_(input<uint8_t>(call, gru::kMask)),
        initial_(input(call, gru::kInitialState)),
        sequence_(output(call, gru::kSequence)),
        final_(output(call, gru::kFinalState)),
        reserve_(output(call, gru::kReserve)),
        packed_(static_cast<const float*>(call.packed)),
        scratch_(static_cast<float*>(call.scratch)),
        started_(reinterpret_cast<uint8_t*>(scratch_ + scratchLayout_.started)) {}

  void run(int64_t begin, int64_t end) {
    const int64_t count = blockRows(e_);
    for (int64_t row = begin; row < end; row += count) runBlock({row, std::min(row + count, end)});
  }

 private:
  struct Rows {
    int64_t begin, end;
    int64_t count() const { return end - begin; }
  };

  int64_t timeOf(int64_t s) const { return attributes_.reverse ? e_.T - 1 - s : s; }
  bool valid(int64_t row, int64_t s) const { return !mask_ || mask_[row * e_.T + timeOf(s)]; }
  // The state before step s. Training keeps all of them, inference two.
  float* state(int64_t s, int64_t row) const {
    if (reserve_) return reserve_ + reserveLayout_.stateAt(s, row);
    return scratch_ + scratchLayout_.states + ((s & 1) * e_.B + row) * e_.P;
  }
  float* saved(int64_t s, int64_t row) const {
    return reserve_ ? reserve_ + reserveLayout_.gatesAt(s, row) : nullptr;
  }
  float* outputAt(int64_t s, int64_t row) const {
    return sequence_ ? sequence_ + (row * e_.T + timeOf(s)) * e_.H : nullptr;
  }

  void runBlock(Rows rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      float* h = state(0, row);
      if (initial_)
        std::copy_n(initial_ + row * e_.H, e_.H, h);
      else
        std::fill_n(h, e_.H, 0.0f);
      std::fill_n(h + e_.H, e_.P - e_.H, 0.0f);
    }
    if (mask_) std::fill(started_ + rows.begin, started_ + rows.end, uint8_t{0});
    for (int64_t s = 0; s < e_.T; s += steps_) {
      if (context_ && context_->cancelled()) return;
      const int64_t count = std::min(steps_, e_.T - s);
      project(rows, s, count);
      for (int64_t i = 0; i < count; ++i)
        step(rows, s + i, projection(rows) + i * rows.count() * 3 * e_.P);
    }
    for (int64_t row = rows.begin; row < rows.end; ++row)
      std::copy_n(state(e_.T, row), e_.H, final_ + row * e_.H);
  }

  float* projection(Rows rows) const {
    return scratch_ + scratchLayout_.projection + rows.begin * steps_ * 3 * e_.P;
  }

  // [count][rows][3P] = x W + b
  void project(Rows rows, int64_t s, int64_t count) const {
    const int64_t direction = attributes_.reverse ? -1 : 1;
    Product product;
    product.a = x_ + (rows.begin * e_.T + timeOf(s)) * e_.I;
    product.b = packed_ + packedLayout_.kernel;
    product.start = packed_ + packedLayout_.bias;
    product.c = projection(rows);
    product.k = e_.I;
    product.n = 3 * e_.P;
    // Tiles run over rows or over steps, whichever are more.
    product.rows = rows.count();
    product.lda = e_.T * e_.I;
    product.ldc = 3 * e_.P;
    product.outer = count;
    product.outerA = direction * e_.I;
    product.outerC = rows.count() * 3 * e_.P;
    if (product.outer > product.rows) {
      std::swap(product.rows, product.outer);
      std::swap(product.lda, product.outerA);
      std::swap(product.ldc, product.outerC);
    }
    multiply(product);
  }

  void step(Rows rows, int64_t s, float* projection) const {
    bool any = !mask_;
    for (int64_t row = rows.begin; row < rows.end && !any; ++row) any = valid(row, s);
    if (any) {
      const int64_t row = rows.begin;
      step_.run({.rows = rows.count(),
                 .projection = projection,
                 .h = state(s, row),
                 .next = state(s + 1, row),
                 .y = outputAt(s, row),
                 .ldY = e_.T * e_.H,
                 .saved = saved(s, row),
                 .q = scratch_ + scratchLayout_.q + row * e_.P,
                 .packed = packed_});
    }
    if (mask_) keepMasked(rows, s);
  }

  // A masked row keeps its state, whatever was computed for it.
  void keepMasked(Rows rows, int64_t s) const {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      if (valid(row, s)) {
        started_[row] = 1;
        continue;
      }
      const float* h = state(s, row);
      std::copy_n(h, e_.P, state(s + 1, row));
      if (float* y = outputAt(s, row)) {
        if (attributes_.repeatMasked && started_[row])
          std::copy_n(h, e_.H, y);
        else
          std::fill_n(y, e_.H, 0.0f);
      }
      // The same on any number of threads, though some saw only masked rows at this step.
      if (reserve_) std::fill_n(saved(s, row), GruReserve::kPlanes * e_.P, 0.0f);
    }
  }

  const GruAttributes& attributes_;
  const RunContext* context_;
  const GruExtents e_;
  const GruPacked packedLayout_;
  const GruReserve reserveLayout_;
  const Scratch scratchLayout_;
  const GruStep step_;
  const int64_t steps_;
  const float* x_;
  const uint8_t* mask_;
  const float* initial_;
  float* sequence_;
  float* final_;
  float* reserve_;
  const float* packed_;
  float* scratch_;
  uint8_t* started_;
};

int32_t launch(const OpCall& call) noexcept {
  const GruExtents e = gruExtents(call);
  const int64_t operations = 6 * e.B * e.T * e.H * (e.H + e.I);
  parallelRegion(gruThreads(call, operations, e.B), [&](int thread, int threads) {
    const Range rows = partOf(e.B, 1, thread, threads);
    Forward(call).run(rows.begin, rows.end);
  });
  return 0;
}

size_t scratchBytes(const OpCall& call) noexcept {
  return static_cast<size_t>(Scratch(gruExtents(call)).size) * sizeof(float);
}
size_t reserveBytes(const OpCall& call) noexcept {
  return static_cast<size_t>(GruReserve(gruExtents(call)).size) * sizeof(float);
}

}  // namespace

const Kernel kGru = {.name = "cpu.gru",
                     .scratchBytes = scratchBytes,
                     .reserveBytes = reserveBytes,
                     .packedBytes = gruPackedBytes,
                     .pack = gruPack,
                     .launch = launch};

}  // namespace sluice::cpu
