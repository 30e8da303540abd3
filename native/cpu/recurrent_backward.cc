// The gradients of one direction of a recurrence. Chunk by chunk from the last turn to the first:
// the threads take their rows and units back through the chunk's turns (recurrent_grid.h); then all
// of them share out the gradients of the weights by blocks of units, whose edges and order of sums
// follow from the shape and the mask alone.
#include "cpu/arguments.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/recurrent_describe.h"
#include "cpu/recurrent_grid.h"
#include "cpu/recurrent_input_gradients.h"
#include "cpu/recurrent_norm.h"
#include "cpu/recurrent_recompute.h"
#include "cpu/recurrent_state_gradients.h"
#include "cpu/recurrent_weight_gradients.h"

namespace sluice::cpu {
namespace {

// Rows of gate gradients that a chunk may hold: enough for efficient sums, few enough to stay in
// the cache.
int64_t chunkRows(const RecurrentExtents& e) {
  constexpr int64_t kFloats = 1 << 17;
  constexpr int64_t kRows = 256;
  return std::clamp<int64_t>(std::max(kFloats / (e.gradients * e.P), kRows), e.B,
                             std::max<int64_t>(e.B * e.T, e.B));
}

// Turns from `first` to before `end`.
struct Chunk {
  int64_t first, end;
  int64_t before;  // steps taken before it
  int64_t rows;

  Chunk(const RecurrentSchedule& schedule, int64_t end, int64_t most) : first(end), end(end) {
    while (first > 0 && schedule.before(end) - schedule.before(first - 1) <= most) --first;
    before = schedule.before(first);
    rows = schedule.before(end) - before;
  }
};

// Offsets in floats.
struct Scratch {
  int64_t gradients;  // [rows of a chunk][planes][P]
  int64_t dh;         // [B][states][P] by position
  int64_t dq;         // [B,P], GRU without resetAfter: dn R_h^T
  int64_t masked;     // [B,P], with masks of the gates: a gate's part of dh
  int64_t kept;       // [B,P], with zoneout: what goes to h without passing the cell
  int64_t input;      // RecurrentInputGradients'
  int64_t schedule;   // RecurrentSchedule's
  int64_t recompute;  // RecurrentRecompute's
  int64_t weights;    // RecurrentWeightGradients'
  int64_t sums;       // RecurrentNormSums'
  int64_t size;

  explicit Scratch(const OpCall& call) {
    const RecurrentExtents e = recurrentExtents(call);
    const auto& attributes = call.attr<RecurrentAttributes>();
    gradients = 0;
    dh = chunkRows(e) * e.gradients * e.P;
    dq = dh + e.B * e.state();
    masked = dq + (attributes.resetAfter ? 0 : e.B * e.P);
    kept = masked + (e.stateMasks ? e.B * e.P : 0);
    input = kept + (attributes.zoneout > 0 ? e.B * e.P : 0);
    schedule = roundUp(input + RecurrentInputGradients::scratchFloats(e), kMaxLanes);
    recompute = schedule + roundUp(RecurrentSchedule::scratchInts(e), kMaxLanes);
    weights = recompute + RecurrentRecompute::scratchFloats(e, attributes);
    sums = weights + RecurrentWeightGradients::scratchFloats(call, e, chunkRows(e));
    size = sums + RecurrentNormSums::scratchFloats(e);
  }
};

class Backward {
 public:
  explicit Backward(const OpCall& call)
      : attributes_(call.attr<RecurrentAttributes>()),
        context_(call.context),
        e_(recurrentExtents(call)),
        packedLayout_(e_, attributes_),
        packedNorm_(e_),
        reserveLayout_(e_, attributes_),
        scratchLayout_(call),
        scratch_(static_cast<float*>(call.scratch)),
        schedule_(e_, attributes_.reverse != 0, input<uint8_t>(call, recurrentBackward::kMask),
                  reinterpret_cast<int32_t*>(scratch_ + scratchLayout_.schedule)),
        x_(input(call, recurrentBackward::kX)),
        reserve_(input(call, recurrentBackward::kReserve)),
        dSequence_(input(call, recurrentBackward::kDSequence)),
        dFinal_{input(call, recurrentBackward::kDFinalState),
                input(call, recurrentBackward::kDFinalCell)},
        dInitial_{output(call, recurrentBackward::kDInitialState),
                  output(call, recurrentBackward::kDInitialCell)},
        recomputes_(RecurrentRecompute::recomputes(e_, attributes_)),
        packed_(static_cast<const float*>(call.packed)),
        masks_(call, e_, schedule_),
        throughState_(e_, attributes_, masks_, packed_, dh(0), dq(0),
                      scratch_ + scratchLayout_.masked),
        input_(e_, schedule_, masks_, packed_ + packedLayout_.kernel,
               output(call, recurrentBackward::kDx), scratch_ + scratchLayout_.input),
        recompute_(e_, attributes_, schedule_, masks_, x_, packed_ + packedLayout_.forward,
                   reserve_, scratch_ + scratchLayout_.recompute),
        weights_(call, e_, masks_, scratch_ + scratchLayout_.weights, chunkRows(e_)),
        sums_(call, e_, scratch_ + scratchLayout_.sums) {
    weights_.clear();
  }

  static constexpr double kPasses = kRecurrentBackwardPasses;
  const RecurrentExtents& extents() const { return e_; }
  bool fused() const { return e_.cell->isFused(attributes_); }

  bool follows(const Backward& other) const {
    return dSequence_ != nullptr && dSequence_ == other.input_.dx();
  }
  bool canFollow(const Backward& other) const {  // turns are the same steps in both
    return !schedule_.masked() && !other.schedule_.masked() && !attributes_.gateMasks &&
           !other.attributes_.gateMasks && attributes_.reverse == other.attributes_.reverse;
  }
  void lead(RecurrentProgress* progress) { leading_ = progress; }
  void follow(const RecurrentProgress* progress) { following_ = progress; }

  void run(const RecurrentMember& member, int threads) {
    start(member.share);
    int64_t number = 0;
    for (int64_t end = schedule_.turns(); end > 0; ++number) {
      const Chunk chunk(schedule_, end, chunkRows(e_));
      walk(member, chunk);
      end = chunk.first;
      if (weights_.wanted()) {
        barrier_.wait(threads);
        weights_.add(member.thread, number, gradients(0), chunk.rows);
        sums_.add(member.thread, threads, gradients(0), chunk.rows);
        // All threads leave at the same chunk: they read this after all have had their say.
        if (context_ && context_->cancelled()) stop_.store(true, std::memory_order_relaxed);
        barrier_.wait(threads);
        if (stop_.load(std::memory_order_relaxed)) break;
      } else if (!member.goOn(context_)) {
        break;
      }
    }
    if (leading_) leading_->publish(member.share, e_.T);
    if (weights_.wanted() && member.thread == 0) sums_.finish();
    finish(member.share);
  }

 private:
  const float* state(int64_t turn, int64_t position) const {
    return reserve_ + reserveLayout_.stateAt(turn, position);
  }
  // What forward saved of a turn.
  const float* saved(int64_t turn, int64_t position) const {
    if (recomputes_) return recompute_.saved(turn, position);
    return reserve_ + reserveLayout_.gatesAt(turn, position);
  }
  // The row of a chunk that holds what a position takes in a turn.
  int64_t rowOf(const Chunk& chunk, int64_t turn, int64_t position) const {
    return schedule_.before(turn) - chunk.before + position;
  }
  float* gradients(int64_t row) const {
    return scratch_ + scratchLayout_.gradients + row * e_.gradients * e_.P;
  }
  float* dh(int64_t position) const { return scratch_ + scratchLayout_.dh + position * e_.state(); }
  float* dq(int64_t position) const { return scratch_ + scratchLayout_.dq + position * e_.P; }
  float* kept(int64_t position) const { return scratch_ + scratchLayout_.kept + position * e_.P; }

  const float* norm(int64_t at) const { return packed_ + packedLayout_.norm + at; }

  // A GRU whose candidate waits for r h: its way back takes two products.
  bool resetsBefore() const { return e_.cell->resetsBefore(attributes_); }

  // With zoneout: what went to the state before the step without passing the cell.
  void addKept(const RecurrentShare& share, int64_t active) const {
    const Units units = unitsOf(share);
    for (int64_t i = 0; i < active; ++i) {
      const int64_t position = share.rows.position(i);
      for (int64_t j = units.begin; j < units.begin + units.count; ++j)
        dh(position)[j] += kept(position)[j];
    }
  }

  // The units of a share in a row of H columns.
  struct Units {
    int64_t begin, padded, count;
  };
  Units unitsOf(const RecurrentShare& share) const {
    const int64_t begin = share.blockBegin * e_.lanes, end = share.blockEnd * e_.lanes;
    return {begin, end - begin, std::min(end, e_.H) - begin};
  }

  void start(const RecurrentShare& share) const {
    if (input_.wanted()) input_.clearMasked(share);
    const Units units = unitsOf(share);
    for (int64_t i = 0; i < share.rows.count; ++i) {
      const int64_t position = share.rows.position(i);
      const int64_t row = schedule_.row(position);
      for (int64_t s = 0; s < e_.cell->states; ++s) {
        float* to = dh(position) + s * e_.P + units.begin;
        std::fill_n(to, units.padded, 0.0f);
        if (dFinal_[s]) std::copy_n(dFinal_[s] + row * e_.H + units.begin, units.count, to);
      }
    }
  }

  void finish(const RecurrentShare& share) const {
    const Units units = unitsOf(share);
    for (int64_t i = 0; i < share.rows.count; ++i) {
      const int64_t position = share.rows.position(i);
      for (int64_t s = 0; s < e_.cell->states; ++s)
        if (dInitial_[s])
          std::copy_n(dh(position) + s * e_.P + units.begin, units.count,
                      dInitial_[s] + schedule_.row(position) * e_.H + units.begin);
    }
  }

  // From the last turn of a chunk to its first, the gradients of the input behind.
  void walk(const RecurrentMember& member, const Chunk& chunk) {
    const int64_t piece = leading_ ? recurrentPiece(e_.T) : e_.T;
    int64_t end = chunk.end;
    for (int64_t turn = end - 1; turn >= chunk.first; --turn) {
      if (following_) following_->await(e_.T - turn);
      step(member, chunk, turn);
      if (!input_.wanted() || input_.byTurn()) continue;
      if (turn > chunk.first && end - turn < piece) continue;
      input_.add(member.share, turn, end - turn, gradients(rowOf(chunk, turn, 0)));
      end = turn;
      if (!leading_) continue;
      member.wait();
      leading_->publish(member.share, e_.T - turn);
    }
  }

  void step(const RecurrentMember& member, const Chunk& chunk, int64_t turn) {
    const RecurrentShare& share = member.share;
    const int64_t active = share.rows.before(schedule_.active(turn));
    if (recomputes_) recompute_.run(member, turn);
    for (int64_t i = 0; i < active; ++i) {
      const int64_t position = share.rows.position(i);
      if (attributes_.repeatMasked && schedule_.masked()) addRepeated(share, position, turn);
      GateGradientArgs args = gateArgs(share, chunk, turn, position);
      if (attributes_.zoneout > 0) {
        const Units units = unitsOf(share);
        masks_.divideGradient(position, turn, units.begin, units.count, args.dy, args.dh,
                              kept(position) + units.begin);
        args.dy = nullptr;
      }
      e_.cell->gateGradients(args, attributes_);
      if (e_.normalized)
        recurrentNormGradients(e_, norm(packedNorm_.gamma), args.saved,
                               gradients(rowOf(chunk, turn, position)));
    }
    member.wait();
    const float* planes = gradients(rowOf(chunk, turn, share.rows.first));
    if (resetsBefore()) {
      throughState_.throughCandidate(share, planes, active);
      for (int64_t i = 0; i < active; ++i)
        e_.cell->resetGradients(gateArgs(share, chunk, turn, share.rows.position(i)), attributes_);
    }
    throughState_.add(share, planes, active);
    if (attributes_.zoneout > 0) addKept(share, active);
    if (input_.wanted() && input_.byTurn())
      input_.add(share, turn, 1, gradients(rowOf(chunk, turn, 0)));
    for (int64_t i = share.member; i < active && weights_.wanted(); i += share.members) {
      const int64_t position = share.rows.position(i);
      weights_.keep(rowOf(chunk, turn, position), position,
                    x_ + schedule_.cell(position, turn) * e_.I, state(turn, position),
                    resetsBefore() ? saved(turn, position) + 3 * e_.P : nullptr);
    }
  }

  GateGradientArgs gateArgs(const RecurrentShare& share, const Chunk& chunk, int64_t turn,
                            int64_t position) const {
    const Units units = unitsOf(share);
    GateGradientArgs args{};
    args.width = units.padded;
    args.plane = e_.P;
    args.columns = units.count;
    if (dSequence_) args.dy = dSequence_ + schedule_.cell(position, turn) * e_.H + units.begin;
    args.saved = saved(turn, position) + units.begin;
    args.h = state(turn, position) + units.begin;
    args.next = state(turn + 1, position) + units.begin;
    args.dh = dh(position) + units.begin;
    args.gradients = gradients(rowOf(chunk, turn, position)) + e_.ownGradients * e_.P + units.begin;
    args.dq = dq(position) + units.begin;
    if (e_.normalized) {
      args.cellGamma = norm(packedNorm_.cellGamma);
      args.cellBeta = norm(packedNorm_.cellBeta);
      args.cellHats = args.saved + e_.cellHats();
      args.cellFactor = args.saved[e_.factors() + 2];
    }
    return args;
  }

  // Outputs of masked steps that repeat this turn's pass their gradients on.
  void addRepeated(const RecurrentShare& share, int64_t position, int64_t turn) const {
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

  const RecurrentAttributes& attributes_;
  const RunContext* context_;
  const RecurrentExtents e_;
  const RecurrentPackedBackward packedLayout_;
  const RecurrentPackedNorm packedNorm_;
  const RecurrentReserve reserveLayout_;
  const Scratch scratchLayout_;
  float* scratch_;
  const RecurrentSchedule schedule_;
  const float* x_;
  const float* reserve_;
  const float* dSequence_;
  const float* dFinal_[2];
  float* dInitial_[2];
  const bool recomputes_;
  const float* packed_;
  const RecurrentMasks masks_;
  const RecurrentStateGradients throughState_;
  const RecurrentInputGradients input_;
  RecurrentRecompute recompute_;
  RecurrentWeightGradients weights_;
  const RecurrentNormSums sums_;
  Barrier barrier_;
  std::atomic<bool> stop_{false};
  RecurrentProgress* leading_ = nullptr;
  const RecurrentProgress* following_ = nullptr;
};

size_t scratchBytes(const OpCall& call) noexcept {
  return static_cast<size_t>(Scratch(call).size) * sizeof(float);
}

constexpr Kernel backward(const char* name) {
  return {.name = name,
          .scratchBytes = scratchBytes,
          .packedBytes = recurrentPackedBackwardBytes,
          .pack = recurrentPackBackward,
          .packedForm = recurrentPackedForm,
          .launch = launchRecurrent<Backward>,
          .launchPair = launchRecurrentPair<Backward>,
          .pairOutput = recurrentBackward::kDx,
          .pairInput = recurrentBackward::kDSequence,
          .describe = recurrentDescribeBackward};
}

}  // namespace

const Kernel kGruBackward = backward("cpu.gruBackward");
const Kernel kLstmBackward = backward("cpu.lstmBackward");
const Kernel kSimpleRnnBackward = backward("cpu.simpleRnnBackward");

}  // namespace sluice::cpu
