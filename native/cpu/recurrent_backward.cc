// The gradients of one direction of a GRU. Chunk by chunk from the last turn to the first: the
// threads take their rows and units back through the chunk's turns (gru_grid.h); then all of them
// share out the gradients of the weights by blocks of units, whose edges and order of sums follow
// from the shape and the mask alone.
#include "cpu/arguments.h"
#include "cpu/gemm.h"
#include "cpu/gru_describe.h"
#include "cpu/gru_gates.h"
#include "cpu/gru_grid.h"
#include "cpu/gru_input_gradients.h"
#include "cpu/gru_recompute.h"
#include "cpu/gru_weight_gradients.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

constexpr int64_t kPlanes = GruReserve::kPlanes;

// Rows of gate gradients that a chunk may hold: enough for efficient sums, few enough to stay in
// the cache.
int64_t chunkRows(const GruExtents& e) {
  constexpr int64_t kFloats = 1 << 17;
  constexpr int64_t kRows = 256;
  return std::clamp<int64_t>(std::max(kFloats / (kPlanes * e.P), kRows), e.B,
                             std::max<int64_t>(e.B * e.T, e.B));
}

// Turns from `first` to before `end`.
struct Chunk {
  int64_t first, end;
  int64_t before;  // steps taken before it
  int64_t rows;

  Chunk(const GruSchedule& schedule, int64_t end, int64_t most) : first(end), end(end) {
    while (first > 0 && schedule.before(end) - schedule.before(first - 1) <= most) --first;
    before = schedule.before(first);
    rows = schedule.before(end) - before;
  }
};

// Offsets in floats.
struct Scratch {
  int64_t gradients;  // [rows of a chunk][dq dz dr dn][P]
  int64_t dh;         // [B,P] by position
  int64_t dq;         // [B,P], without resetAfter: dn R_h^T
  int64_t input;      // GruInputGradients'
  int64_t schedule;   // GruSchedule's
  int64_t recompute;  // GruRecompute's
  int64_t weights;    // GruWeightGradients'
  int64_t size;

  explicit Scratch(const OpCall& call) {
    const GruExtents e = gruExtents(call);
    const auto& attributes = call.attr<GruAttributes>();
    gradients = 0;
    dh = chunkRows(e) * kPlanes * e.P;
    dq = dh + e.B * e.P;
    input = dq + (attributes.resetAfter ? 0 : e.B * e.P);
    schedule = roundUp(input + GruInputGradients::scratchFloats(e), kMaxLanes);
    recompute = schedule + roundUp(GruSchedule::scratchInts(e), kMaxLanes);
    weights = recompute + GruRecompute::scratchFloats(e, attributes);
    size = weights + GruWeightGradients::scratchFloats(call, e, chunkRows(e));
  }
};

class Backward {
 public:
  explicit Backward(const OpCall& call)
      : attributes_(call.attr<GruAttributes>()),
        context_(call.context),
        e_(gruExtents(call)),
        packedLayout_(e_, attributes_),
        reserveLayout_(e_, attributes_),
        scratchLayout_(call),
        scratch_(static_cast<float*>(call.scratch)),
        schedule_(e_, attributes_.reverse != 0, input<uint8_t>(call, gruBackward::kMask),
                  reinterpret_cast<int32_t*>(scratch_ + scratchLayout_.schedule)),
        x_(input(call, gruBackward::kX)),
        reserve_(input(call, gruBackward::kReserve)),
        dSequence_(input(call, gruBackward::kDSequence)),
        dFinal_(input(call, gruBackward::kDFinalState)),
        dInitial_(output(call, gruBackward::kDInitialState)),
        packed_(static_cast<const float*>(call.packed)),
        input_(e_, schedule_, packed_ + packedLayout_.kernel, output(call, gruBackward::kDx),
               scratch_ + scratchLayout_.input),
        recompute_(e_, attributes_, schedule_, x_, packed_ + packedLayout_.forward, reserve_,
                   scratch_ + scratchLayout_.recompute),
        weights_(call, e_, scratch_ + scratchLayout_.weights, chunkRows(e_)) {
    weights_.clear();
  }

  static constexpr double kPasses = kGruBackwardPasses;
  const GruExtents& extents() const { return e_; }
  bool fused() const { return gruIsFused(attributes_); }

  bool follows(const Backward& other) const {
    return dSequence_ != nullptr && dSequence_ == other.input_.dx();
  }
  bool canFollow(const Backward& other) const {  // turns are the same steps in both
    return !schedule_.masked() && !other.schedule_.masked() &&
           attributes_.reverse == other.attributes_.reverse;
  }
  void lead(GruProgress* progress) { leading_ = progress; }
  void follow(const GruProgress* progress) { following_ = progress; }

  void run(const GruMember& member, int threads) {
    start(member.share);
    int64_t number = 0;
    for (int64_t end = schedule_.turns(); end > 0; ++number) {
      const Chunk chunk(schedule_, end, chunkRows(e_));
      walk(member, chunk);
      end = chunk.first;
      if (weights_.wanted()) {
        barrier_.wait(threads);
        weights_.add(member.thread, number, gradients(0), chunk.rows);
        // All threads leave at the same chunk: they read this after all have had their say.
        if (context_ && context_->cancelled()) stop_.store(true, std::memory_order_relaxed);
        barrier_.wait(threads);
        if (stop_.load(std::memory_order_relaxed)) break;
      } else if (!member.goOn(context_)) {
        break;
      }
    }
    if (leading_) leading_->publish(member.share, e_.T);
    finish(member.share);
  }

 private:
  const float* state(int64_t turn, int64_t position) const {
    return reserve_ + reserveLayout_.stateAt(turn, position);
  }
  // What forward saved of a turn.
  const float* saved(int64_t turn, int64_t position) const {
    if (attributes_.recompute) return recompute_.saved(turn, position);
    return reserve_ + reserveLayout_.gatesAt(turn, position);
  }
  // The row of a chunk that holds what a position takes in a turn.
  int64_t rowOf(const Chunk& chunk, int64_t turn, int64_t position) const {
    return schedule_.before(turn) - chunk.before + position;
  }
  float* gradients(int64_t row) const {
    return scratch_ + scratchLayout_.gradients + row * kPlanes * e_.P;
  }
  float* dh(int64_t position) const { return scratch_ + scratchLayout_.dh + position * e_.P; }
  float* dq(int64_t position) const { return scratch_ + scratchLayout_.dq + position * e_.P; }

  // The units of a share in a row of H columns.
  struct Units {
    int64_t begin, padded, count;
  };
  Units unitsOf(const GruShare& share) const {
    const int64_t begin = share.blockBegin * e_.lanes, end = share.blockEnd * e_.lanes;
    return {begin, end - begin, std::min(end, e_.H) - begin};
  }

  void start(const GruShare& share) const {
    if (input_.wanted()) input_.clearMasked(share);
    const Units units = unitsOf(share);
    for (int64_t i = 0; i < share.rows.count; ++i) {
      const int64_t position = share.rows.position(i);
      const int64_t row = schedule_.row(position);
      std::fill_n(dh(position) + units.begin, units.padded, 0.0f);
      if (dFinal_)
        std::copy_n(dFinal_ + row * e_.H + units.begin, units.count, dh(position) + units.begin);
    }
  }

  void finish(const GruShare& share) const {
    const Units units = unitsOf(share);
    for (int64_t i = 0; i < share.rows.count && dInitial_; ++i) {
      const int64_t position = share.rows.position(i);
      std::copy_n(dh(position) + units.begin, units.count,
                  dInitial_ + schedule_.row(position) * e_.H + units.begin);
    }
  }

  // From the last turn of a chunk to its first, the gradients of the input behind.
  void walk(const GruMember& member, const Chunk& chunk) {
    const int64_t piece = leading_ ? gruPiece(e_.T) : e_.T;
    int64_t end = chunk.end;
    for (int64_t turn = end - 1; turn >= chunk.first; --turn) {
      if (following_) following_->await(e_.T - turn);
      step(member, chunk, turn);
      if (!input_.wanted() || schedule_.masked()) continue;
      if (turn > chunk.first && end - turn < piece) continue;
      input_.add(member.share, turn, end - turn, gradients(rowOf(chunk, turn, 0)));
      end = turn;
      if (!leading_) continue;
      member.wait();
      leading_->publish(member.share, e_.T - turn);
    }
  }

  void step(const GruMember& member, const Chunk& chunk, int64_t turn) {
    const GruShare& share = member.share;
    const int64_t active = share.rows.before(schedule_.active(turn));
    if (attributes_.recompute) recompute_.run(member, turn);
    for (int64_t i = 0; i < active; ++i) {
      const int64_t position = share.rows.position(i);
      if (attributes_.repeatMasked && schedule_.masked()) addRepeated(share, position, turn);
      gruGates().gradients(gateArgs(share, chunk, turn, position), attributes_);
    }
    member.wait();
    throughRecurrentKernel(share, chunk, turn, active);
    if (input_.wanted() && schedule_.masked())
      input_.add(share, turn, 1, gradients(rowOf(chunk, turn, 0)));
    for (int64_t i = share.member; i < active && weights_.wanted(); i += share.members) {
      const int64_t position = share.rows.position(i);
      weights_.keep(rowOf(chunk, turn, position), x_ + schedule_.cell(position, turn) * e_.I,
                    state(turn, position),
                    attributes_.resetAfter ? nullptr : saved(turn, position) + 3 * e_.P);
    }
  }

  GateGradientArgs gateArgs(const GruShare& share, const Chunk& chunk, int64_t turn,
                            int64_t position) const {
    const Units units = unitsOf(share);
    GateGradientArgs args{};
    args.width = units.padded;
    args.plane = e_.P;
    args.columns = units.count;
    if (dSequence_) args.dy = dSequence_ + schedule_.cell(position, turn) * e_.H + units.begin;
    args.saved = saved(turn, position) + units.begin;
    args.h = state(turn, position) + units.begin;
    args.dh = dh(position) + units.begin;
    args.gradients = gradients(rowOf(chunk, turn, position)) + units.begin;
    args.dq = dq(position) + units.begin;
    return args;
  }

  // Outputs of masked steps that repeat this turn's pass their gradients on.
  void addRepeated(const GruShare& share, int64_t position, int64_t turn) const {
    if (!dSequence_) return;
    const Units units = unitsOf(share);
    const int64_t row = schedule_.row(position);
    const bool last = turn + 1 == schedule_.length(position);
    const int64_t end = last ? e_.T : schedule_.step(position, turn + 1);
    for (int64_t s = end - 1; s > schedule_.step(position, turn); --s) {
      const float* dy = dSequence_ + (row * e_.T + schedule_.time(s)) * e_.H;
      for (int64_t i = units.begin; i < units.begin + units.count; ++i) dh(position)[i] += dy[i];
    }
  }

  // dh += what flows through h R.
  void throughRecurrentKernel(const GruShare& share, const Chunk& chunk, int64_t turn,
                              int64_t active) const {
    Product product;
    product.rows = active;
    product.lda = share.rows.stride * kPlanes * e_.P;
    product.ldc = share.rows.stride * e_.P;
    const float* planes = gradients(rowOf(chunk, turn, share.rows.first));
    if (!attributes_.resetAfter) {
      product.n = e_.P;
      product.a = planes + 3 * e_.P;
      product.b = packed_ + packedLayout_.candidate;
      product.k = e_.P;
      product.c = dq(share.rows.first);
      multiply(product);
      for (int64_t i = 0; i < active; ++i)
        gruGates().resetGradients(gateArgs(share, chunk, turn, share.rows.position(i)),
                                  attributes_);
    }
    product.a = attributes_.resetAfter ? planes : planes + e_.P;
    product.k = (attributes_.resetAfter ? 3 : 2) * e_.P;
    product.b = packed_ + packedLayout_.recurrent;
    product.c = dh(share.rows.first);
    product.n = e_.P;
    product.accumulate = true;
    multiply(product.columns(share.columnsOf(e_.P, e_.lanes)));
  }

  const GruAttributes& attributes_;
  const RunContext* context_;
  const GruExtents e_;
  const GruPackedBackward packedLayout_;
  const GruReserve reserveLayout_;
  const Scratch scratchLayout_;
  float* scratch_;
  const GruSchedule schedule_;
  const float* x_;
  const float* reserve_;
  const float* dSequence_;
  const float* dFinal_;
  float* dInitial_;
  const float* packed_;
  const GruInputGradients input_;
  GruRecompute recompute_;
  GruWeightGradients weights_;
  Barrier barrier_;
  std::atomic<bool> stop_{false};
  GruProgress* leading_ = nullptr;
  const GruProgress* following_ = nullptr;
};

size_t scratchBytes(const OpCall& call) noexcept {
  return static_cast<size_t>(Scratch(call).size) * sizeof(float);
}

}  // namespace

const Kernel kGruBackward = {.name = "cpu.gruBackward",
                             .scratchBytes = scratchBytes,
                             .packedBytes = gruPackedBackwardBytes,
                             .pack = gruPackBackward,
                             .launch = launchGru<Backward>,
                             .launchPair = launchGruPair<Backward>,
                             .pairOutput = gruBackward::kDx,
                             .pairInput = gruBackward::kDSequence,
                             .describe = gruDescribeBackward};

}  // namespace sluice::cpu
