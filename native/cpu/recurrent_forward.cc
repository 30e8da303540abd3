// One direction of a GRU over a sequence. A thread takes its rows through all steps, or shares them
// with a few others, each for its own units (gru_grid.h). Every product is row-invariant (gemm.h),
// so how rows, units and steps are cut into pieces leaves no trace in the result: a sequence fed
// step by step gives the same bits.
#include "cpu/arguments.h"
#include "cpu/gru_describe.h"
#include "cpu/gru_grid.h"
#include "cpu/gru_input.h"
#include "cpu/gru_step.h"
#include "cpu/gru_stream.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

// Floats of a projection that is made in one go and read back from the cache.
constexpr int64_t kProjection = 1 << 17;
int64_t turnsAtOnce(const GruExtents& e) { return GruInput::turns(e, kProjection); }
// Rows that a thread takes through all steps before the next ones.
int64_t blockRows(const GruExtents& e) {
  return std::max<int64_t>(kProjection / (turnsAtOnce(e) * 3 * e.P), 8 * kMaxTileRows);
}

// Offsets in floats.
struct Scratch {
  int64_t projection;  // [turns][rows][3P] of each block of rows
  int64_t gathered;    // [turns][rows][I] likewise, with a mask
  int64_t states;      // two of [B,P], in inference
  int64_t q;           // [B,P], where the gates are not fused
  int64_t schedule;    // GruSchedule's
  int64_t size;

  Scratch(const GruExtents& e, bool fused, bool training) {
    projection = 0;
    gathered = turnsAtOnce(e) * e.B * 3 * e.P;
    states = gathered + GruInput::gatheredFloats(e, turnsAtOnce(e));
    q = states + (training ? 0 : 2 * e.B * e.P);
    schedule = roundUp(q + (fused ? 0 : e.B * e.P), kMaxLanes);
    size = schedule + GruSchedule::scratchInts(e);
  }
};

Scratch scratchOf(const OpCall& call, const GruExtents& e) {
  return {e, gruIsFused(call.attr<GruAttributes>()), call.out[gru::kReserve].present()};
}

class Forward {
 public:
  explicit Forward(const OpCall& call)
      : attributes_(call.attr<GruAttributes>()),
        context_(call.context),
        e_(gruExtents(call)),
        reserveLayout_(e_, attributes_),
        scratchLayout_(scratchOf(call, e_)),
        scratch_(static_cast<float*>(call.scratch)),
        schedule_(e_, attributes_.reverse != 0, input<uint8_t>(call, gru::kMask),
                  reinterpret_cast<int32_t*>(scratch_ + scratchLayout_.schedule)),
        packed_(static_cast<const float*>(call.packed)),
        x_(input(call, gru::kX)),
        input_(e_, schedule_, x_, packed_),
        step_(e_, attributes_),
        initial_(input(call, gru::kInitialState)),
        sequence_(output(call, gru::kSequence)),
        final_(output(call, gru::kFinalState)),
        reserve_(output(call, gru::kReserve)) {}

  static constexpr double kPasses = kGruForwardPasses;
  const GruExtents& extents() const { return e_; }
  bool fused() const { return gruIsFused(attributes_); }

  bool follows(const Forward& other) const { return x_ != nullptr && x_ == other.sequence_; }
  // Turns are the same steps in both, and no thread has several blocks of rows.
  bool canFollow(const Forward& other) const {
    return !schedule_.masked() && !other.schedule_.masked() &&
           attributes_.reverse == other.attributes_.reverse && e_.B <= blockRows(e_) &&
           e_.B <= blockRows(other.e_);
  }
  void lead(GruProgress* progress) { leading_ = progress; }
  void follow(const GruProgress* progress) { following_ = progress; }

  void run(const GruMember& member, int) const {
    const GruRows& rows = member.share.rows;
    const int64_t count = blockRows(e_);
    for (int64_t i = 0; i < rows.count; i += count)
      if (!runBlock(member, rows.part(i, std::min(i + count, rows.count)), i)) return;
  }

 private:
  // The state before a turn. Training keeps all of them, inference two.
  float* state(int64_t turn, int64_t position) const {
    if (reserve_) return reserve_ + reserveLayout_.stateAt(turn, position);
    return scratch_ + scratchLayout_.states + ((turn & 1) * e_.B + position) * e_.P;
  }
  float* outputAt(int64_t position, int64_t turn) const {
    return sequence_ + schedule_.cell(position, turn) * e_.H;
  }

  // `done`: rows of this thread that came before. False when cancelled.
  bool runBlock(const GruMember& member, const GruRows& rows, int64_t done) const {
    const int64_t slot = member.share.rowsBefore + done;
    float* projection = scratch_ + scratchLayout_.projection + slot * turnsAtOnce(e_) * 3 * e_.P;
    float* gathered = scratch_ + scratchLayout_.gathered + slot * turnsAtOnce(e_) * e_.I;
    if (member.share.first()) start(rows);
    const int64_t turns = schedule_.length(rows.first);
    int64_t most = turnsAtOnce(e_);
    if (leading_ || following_) most = std::min(most, gruPiece(turns));
    for (int64_t turn = 0; turn < turns; turn += most) {
      if (!member.goOn(context_)) {
        if (leading_) leading_->publish(member.share, turns);
        return false;
      }
      const int64_t count = std::min(most, turns - turn);
      if (following_) following_->await(turn + count);
      if (schedule_.masked()) {
        if (member.share.first()) input_.gather(rows, turn, count, gathered);
        member.wait();
      }
      input_.project(rows, turn, count, gathered, member.share.blockBegin, member.share.blockEnd,
                     projection);
      float* of = projection;
      for (int64_t t = turn; t < turn + count; ++t) {
        const int64_t active = rows.before(schedule_.active(t));
        step(member.share, rows, active, t, of, slot);
        of += active * 3 * e_.P;
        member.wait();
      }
      if (leading_) leading_->publish(member.share, turn + count);
    }
    if (member.share.first()) finish(rows);
    return true;
  }

  void start(const GruRows& rows) const {
    for (int64_t i = 0; i < rows.count; ++i) {
      float* h = state(0, rows.position(i));
      if (initial_)
        std::copy_n(initial_ + schedule_.row(rows.position(i)) * e_.H, e_.H, h);
      else
        std::fill_n(h, e_.H, 0.0f);
      std::fill_n(h + e_.H, e_.P - e_.H, 0.0f);
    }
  }

  void step(const GruShare& share, const GruRows& rows, int64_t active, int64_t turn,
            float* projection, int64_t slot) const {
    const bool scattered = sequence_ && schedule_.masked();
    const bool saves = reserve_ && !attributes_.recompute;
    float* next = state(turn + 1, rows.first);
    step_.run({.rows = active,
               .projection = projection,
               .h = state(turn, rows.first),
               .next = next,
               .ldH = rows.stride * e_.P,
               .y = sequence_ && !scattered ? outputAt(rows.first, turn) : nullptr,
               .ldY = rows.stride * e_.T * e_.H,
               .saved = saves ? reserve_ + reserveLayout_.gatesAt(turn, rows.first) : nullptr,
               .ldSaved = rows.stride * GruReserve::kPlanes * e_.P,
               .q = scratch_ + scratchLayout_.q + slot * e_.P,
               .packed = packed_,
               .blockBegin = share.blockBegin,
               .blockEnd = share.blockEnd});
    if (!scattered) return;
    const int64_t unit = share.blockBegin * e_.lanes;
    const int64_t units = std::min(share.blockEnd * e_.lanes, e_.H) - unit;
    for (int64_t i = 0; i < active; ++i)
      std::copy_n(next + i * rows.stride * e_.P + unit, units,
                  outputAt(rows.position(i), turn) + unit);
  }

  void finish(const GruRows& rows) const {
    for (int64_t i = 0; i < rows.count; ++i) {
      const int64_t position = rows.position(i);
      std::copy_n(state(schedule_.length(position), position), e_.H,
                  final_ + schedule_.row(position) * e_.H);
      if (sequence_ && schedule_.masked()) fillMasked(schedule_.row(position));
    }
  }

  void fillMasked(int64_t row) const {
    const float* last = nullptr;
    for (int64_t s = 0; s < e_.T; ++s) {
      float* y = sequence_ + (row * e_.T + schedule_.time(s)) * e_.H;
      if (schedule_.valid(row, s))
        last = y;
      else if (last && attributes_.repeatMasked)
        std::copy_n(last, e_.H, y);
      else
        std::fill_n(y, e_.H, 0.0f);
    }
  }

  const GruAttributes& attributes_;
  const RunContext* context_;
  const GruExtents e_;
  const GruReserve reserveLayout_;
  const Scratch scratchLayout_;
  float* scratch_;
  const GruSchedule schedule_;
  const float* packed_;
  const float* x_;
  const GruInput input_;
  const GruStep step_;
  const float* initial_;
  float* sequence_;
  float* final_;
  float* reserve_;
  GruProgress* leading_ = nullptr;
  const GruProgress* following_ = nullptr;
};

int32_t launch(const OpCall& call) noexcept {
  return gruStreams(call) ? gruStreamLaunch(call) : launchGru<Forward>(call);
}
size_t scratchBytes(const OpCall& call) noexcept {
  const auto floats = static_cast<size_t>(scratchOf(call, gruExtents(call)).size);
  return std::max(floats * sizeof(float), gruStreams(call) ? gruStreamScratchBytes(call) : 0);
}
size_t reserveBytes(const OpCall& call) noexcept {
  const GruReserve reserve(gruExtents(call), call.attr<GruAttributes>());
  return static_cast<size_t>(reserve.size) * sizeof(float);
}

}  // namespace

const Kernel kGru = {.name = "cpu.gru",
                     .whyNot = gruWhyNotReduced,
                     .scratchBytes = scratchBytes,
                     .reserveBytes = reserveBytes,
                     .packedBytes = gruPackedBytes,
                     .pack = gruPack,
                     .packedForm = gruPackedForm,
                     .launch = launch,
                     .launchPair = launchGruPair<Forward>,
                     .pairOutput = gru::kSequence,
                     .pairInput = gru::kX,
                     .describe = gruDescribe};

}  // namespace sluice::cpu
