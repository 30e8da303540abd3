// One direction of a recurrence over a sequence. A thread takes its rows through all steps, or
// shares them with a few others, each for its own units (recurrent_grid.h). Every product is
// row-invariant (gemm.h), so how rows, units and steps are cut into pieces leaves no trace in the
// result: a sequence fed step by step gives the same bits.
#include "cpu/arguments.h"
#include "cpu/gru_stream.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/recurrent_describe.h"
#include "cpu/recurrent_grid.h"
#include "cpu/recurrent_input.h"
#include "cpu/recurrent_step.h"

namespace sluice::cpu {
namespace {

// Floats of a projection that is made in one go and read back from the cache.
constexpr int64_t kProjection = 1 << 17;
int64_t turnsAtOnce(const RecurrentExtents& e) { return RecurrentInput::turns(e, kProjection); }
// Rows that a thread takes through all steps before the next ones.
int64_t blockRows(const RecurrentExtents& e) {
  return std::max<int64_t>(kProjection / (turnsAtOnce(e) * e.columns()), 8 * kMaxTileRows);
}

// Offsets in floats.
struct Scratch {
  int64_t projection;  // [turns][rows][gates][P] of each block of rows
  int64_t gathered;    // [turns][rows][I] likewise, with a mask
  int64_t states;      // two of [B][states][P], in inference
  int64_t q;           // [B][work], where the gates are not fused
  int64_t masked;      // [B,P], with masks of the gates
  int64_t schedule;    // RecurrentSchedule's
  int64_t size;

  Scratch(const RecurrentExtents& e, bool fused, bool training) {
    projection = 0;
    gathered = turnsAtOnce(e) * e.B * e.columns();
    states = gathered + RecurrentInput::gatheredFloats(e, turnsAtOnce(e));
    q = states + (training ? 0 : 2 * e.B * e.state());
    masked = q + (fused ? 0 : e.B * e.work());
    schedule = roundUp(masked + (e.stateMasks ? e.B * e.P : 0), kMaxLanes);
    size = schedule + RecurrentSchedule::scratchInts(e);
  }
};

Scratch scratchOf(const OpCall& call, const RecurrentExtents& e) {
  return {e, e.cell->isFused(call.attr<RecurrentAttributes>()),
          call.out[recurrent::kReserve].present()};
}

class Forward {
 public:
  explicit Forward(const OpCall& call)
      : attributes_(call.attr<RecurrentAttributes>()),
        context_(call.context),
        e_(recurrentExtents(call)),
        reserveLayout_(e_, attributes_),
        scratchLayout_(scratchOf(call, e_)),
        scratch_(static_cast<float*>(call.scratch)),
        schedule_(e_, attributes_.reverse != 0, input<uint8_t>(call, recurrent::kMask),
                  reinterpret_cast<int32_t*>(scratch_ + scratchLayout_.schedule)),
        packed_(static_cast<const float*>(call.packed)),
        x_(input(call, recurrent::kX)),
        masks_(call, e_, schedule_),
        input_(e_, schedule_, masks_, x_, packed_),
        step_(e_, attributes_, masks_),
        initial_{input(call, recurrent::kInitialState), input(call, recurrent::kInitialCell)},
        sequence_(output(call, recurrent::kSequence)),
        final_{output(call, recurrent::kFinalState), output(call, recurrent::kFinalCell)},
        reserve_(output(call, recurrent::kReserve)) {}

  static constexpr double kPasses = kRecurrentForwardPasses;
  const RecurrentExtents& extents() const { return e_; }
  bool fused() const { return e_.cell->isFused(attributes_); }

  bool follows(const Forward& other) const { return x_ != nullptr && x_ == other.sequence_; }
  // Turns are the same steps in both, and no thread has several blocks of rows.
  bool canFollow(const Forward& other) const {
    return !schedule_.masked() && !other.schedule_.masked() && !attributes_.gateMasks &&
           !other.attributes_.gateMasks && attributes_.reverse == other.attributes_.reverse &&
           e_.B <= blockRows(e_) && e_.B <= blockRows(other.e_);
  }
  void lead(RecurrentProgress* progress) { leading_ = progress; }
  void follow(const RecurrentProgress* progress) { following_ = progress; }

  void run(const RecurrentMember& member, int) const {
    const RecurrentRows& rows = member.share.rows;
    const int64_t count = blockRows(e_);
    for (int64_t i = 0; i < rows.count; i += count)
      if (!runBlock(member, rows.part(i, std::min(i + count, rows.count)), i)) return;
  }

 private:
  // The states before a turn. Training keeps all of them, inference two.
  float* state(int64_t turn, int64_t position) const {
    if (reserve_) return reserve_ + reserveLayout_.stateAt(turn, position);
    return scratch_ + scratchLayout_.states + ((turn & 1) * e_.B + position) * e_.state();
  }
  float* outputAt(int64_t position, int64_t turn) const {
    return sequence_ + schedule_.cell(position, turn) * e_.H;
  }

  // `done`: rows of this thread that came before. False when cancelled.
  bool runBlock(const RecurrentMember& member, const RecurrentRows& rows, int64_t done) const {
    const int64_t slot = member.share.rowsBefore + done;
    float* projection =
        scratch_ + scratchLayout_.projection + slot * turnsAtOnce(e_) * e_.columns();
    float* gathered = scratch_ + scratchLayout_.gathered + slot * turnsAtOnce(e_) * e_.I;
    if (member.share.first()) start(rows);
    const int64_t turns = schedule_.length(rows.first);
    int64_t most = turnsAtOnce(e_);
    if (leading_ || following_) most = std::min(most, recurrentPiece(turns));
    for (int64_t turn = 0; turn < turns; turn += most) {
      if (!member.goOn(context_)) {
        if (leading_) leading_->publish(member.share, turns);
        return false;
      }
      const int64_t count = std::min(most, turns - turn);
      if (following_) following_->await(turn + count);
      if (input_.gathers()) {
        if (member.share.first()) input_.gather(rows, turn, count, gathered);
        member.wait();
      }
      input_.project(rows, turn, count, gathered, member.share.blockBegin, member.share.blockEnd,
                     projection);
      float* of = projection;
      for (int64_t t = turn; t < turn + count; ++t) {
        const int64_t active = rows.before(schedule_.active(t));
        step(member.share, rows, active, t, of, slot);
        of += active * e_.columns();
        member.wait();
      }
      if (leading_) leading_->publish(member.share, turn + count);
    }
    if (member.share.first()) finish(rows);
    return true;
  }

  void start(const RecurrentRows& rows) const {
    for (int64_t i = 0; i < rows.count; ++i) {
      float* h = state(0, rows.position(i));
      std::fill_n(h, e_.state(), 0.0f);
      for (int64_t s = 0; s < e_.cell->states; ++s)
        if (initial_[s])
          std::copy_n(initial_[s] + schedule_.row(rows.position(i)) * e_.H, e_.H, h + s * e_.P);
    }
  }

  void step(const RecurrentShare& share, const RecurrentRows& rows, int64_t active, int64_t turn,
            float* projection, int64_t slot) const {
    const bool zonesOut = attributes_.zoneout > 0;
    // Outputs that the step cannot write where they belong, or as they will be.
    const bool copies = sequence_ && (schedule_.masked() || zonesOut);
    const bool saves = reserve_ && !attributes_.recompute && e_.savedRow() > 0;
    float* next = state(turn + 1, rows.first);
    step_.run({.rows = active,
               .positions = rows,
               .projection = projection,
               .h = state(turn, rows.first),
               .next = next,
               .ldH = rows.stride * e_.state(),
               .y = sequence_ && !copies ? outputAt(rows.first, turn) : nullptr,
               .ldY = rows.stride * e_.T * e_.H,
               .saved = saves ? reserve_ + reserveLayout_.gatesAt(turn, rows.first) : nullptr,
               .ldSaved = rows.stride * e_.savedRow(),
               .q = scratch_ + scratchLayout_.q + slot * e_.work(),
               .masked = scratch_ + scratchLayout_.masked + slot * e_.P,
               .packed = packed_,
               .blockBegin = share.blockBegin,
               .blockEnd = share.blockEnd});
    const int64_t unit = share.blockBegin * e_.lanes;
    const int64_t units = std::min(share.blockEnd * e_.lanes, e_.H) - unit;
    for (int64_t i = 0; i < active && (zonesOut || copies); ++i) {
      const int64_t at = i * rows.stride * e_.state() + unit;
      const int64_t position = rows.position(i);
      if (zonesOut)
        masks_.zoneOut(position, turn, unit, units, state(turn, rows.first) + at, next + at);
      if (copies) std::copy_n(next + at, units, outputAt(position, turn) + unit);
    }
  }

  void finish(const RecurrentRows& rows) const {
    for (int64_t i = 0; i < rows.count; ++i) {
      const int64_t position = rows.position(i);
      const float* last = state(schedule_.length(position), position);
      for (int64_t s = 0; s < e_.cell->states; ++s)
        std::copy_n(last + s * e_.P, e_.H, final_[s] + schedule_.row(position) * e_.H);
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

  const RecurrentAttributes& attributes_;
  const RunContext* context_;
  const RecurrentExtents e_;
  const RecurrentReserve reserveLayout_;
  const Scratch scratchLayout_;
  float* scratch_;
  const RecurrentSchedule schedule_;
  const float* packed_;
  const float* x_;
  const RecurrentMasks masks_;
  const RecurrentInput input_;
  const RecurrentStep step_;
  const float* initial_[2];
  float* sequence_;
  float* final_[2];
  float* reserve_;
  RecurrentProgress* leading_ = nullptr;
  const RecurrentProgress* following_ = nullptr;
};

int32_t launch(const OpCall& call) noexcept {
  return gruStreams(call) ? gruStreamLaunch(call) : launchRecurrent<Forward>(call);
}
size_t scratchBytes(const OpCall& call) noexcept {
  const auto floats = static_cast<size_t>(scratchOf(call, recurrentExtents(call)).size);
  return std::max(floats * sizeof(float), gruStreams(call) ? gruStreamScratchBytes(call) : 0);
}
size_t reserveBytes(const OpCall& call) noexcept {
  const RecurrentReserve reserve(recurrentExtents(call), call.attr<RecurrentAttributes>());
  return static_cast<size_t>(reserve.size) * sizeof(float);
}

constexpr Kernel forward(const char* name) {
  return {.name = name,
          .whyNot = gruWhyNotReduced,
          .scratchBytes = scratchBytes,
          .reserveBytes = reserveBytes,
          .packedBytes = recurrentPackedBytes,
          .pack = recurrentPack,
          .packedForm = recurrentPackedForm,
          .launch = launch,
          .launchPair = launchRecurrentPair<Forward>,
          .pairOutput = recurrent::kSequence,
          .pairInput = recurrent::kX,
          .describe = recurrentDescribe};
}

}  // namespace

const Kernel kGru = forward("cpu.gru");
const Kernel kLstm = forward("cpu.lstm");
const Kernel kSimpleRnn = forward("cpu.simpleRnn");

}  // namespace sluice::cpu
