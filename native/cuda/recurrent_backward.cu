// The gradients of one direction of a recurrence. Chunk by chunk from the last turn to the first: a
// kernel a step (two where r h meets the candidate's columns, or with layer norm) takes the
// gradients of the states back and writes those of the gates, of which recurrent_gradients makes
// those of x and of the weights.
#include "cuda/kernels.h"
#include "cuda/pair.h"
#include "cuda/recurrent_describe.h"
#include "cuda/recurrent_gradients.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

using namespace recurrentBackward;

class Backward {
 public:
  explicit Backward(const OpCall& call)
      : call_(call),
        attributes_(call.attr<RecurrentAttributes>()),
        e_(call),
        turns_(e_.chunkSteps(e_.gradientRow())),
        tile_(e_.tile(e_.backwardColumns())),
        resetTile_(e_.tile(e_.backwardResetColumns())),
        ld_(static_cast<int32_t>(e_.cell->gates * e_.plane())),
        repeats_(e_.masked && attributes_.repeatMasked && call.in[kDSequence].present()),
        products_(call, e_, turns_, plan_) {
    const size_t operand = static_cast<size_t>(e_.B * ld_ * operandBytes(e_.precision));
    columns_ = plan_.take(packedBytes(e_.backwardColumns(), tile_, e_.precision));
    if (e_.cell->resetsBefore())
      resetColumns_ = plan_.take(packedBytes(e_.backwardResetColumns(), resetTile_, e_.precision));
    operands_[0] = plan_.take(operand);
    operands_[1] = plan_.take(operand);
    for (int s = 0; s < e_.cell->states; ++s) d_[s] = plan_.floats(e_.B * e_.H);
    if (repeats_) repeated_ = plan_.floats(e_.B * e_.H);
    if (e_.cell->norms()) sums_ = plan_.floats(e_.B * e_.backwardColumns().units());
  }

  size_t scratchBytes() const { return plan_.bytes(); }

  int32_t run() const {
    int32_t status = start();
    const int64_t chunks = e_.B > 0 ? divideUp(e_.T, turns_) : 0;
    for (int64_t i = chunks - 1; i >= 0 && status == 0; --i) {
      const StepChunk chunk(e_, i * turns_, turns_);
      for (int64_t turn = chunk.turns - 1; turn >= 0 && status == 0; --turn)
        status = step(chunk, chunk.firstTurn + turn);
      if (status == 0) status = products_.run(chunk, i < chunks - 1);
    }
    if (status == 0) status = finish();
    return status;
  }

 private:
  template <typename T = float>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(static_cast<unsigned char*>(call_.scratch) + offset);
  }
  const float* reserve(int plane) const { return input(call_, kReserve) + plane * e_.H; }

  int32_t start() const {
    const float* kernel = input(call_, kRecurrentKernel);
    int32_t status = packColumns(call_, e_.backwardColumns(), tile_, kernel, at<void>(columns_));
    if (status == 0 && e_.cell->resetsBefore())
      status = packColumns(call_, e_.backwardResetColumns(), resetTile_, kernel,
                           at<void>(resetColumns_));
    for (const size_t operand : operands_)
      if (status == 0)
        status = setOperand(call_, {e_.B, e_.H, e_.cell->gates}, nullptr, at<void>(operand));
    constexpr int kFinal[] = {kDFinalState, kDFinalCell};
    const auto set = [&](const float* from, size_t to) {
      if (status == 0) status = setValues(call_, e_.B * e_.H, from, at(to));
    };
    for (int s = 0; s < e_.cell->states; ++s) set(input(call_, kFinal[s]), d_[s]);
    if (repeats_) set(nullptr, repeated_);
    // What no chunk writes.
    if (e_.B * e_.T == 0)
      for (const int out : {kDKernel, kDRecurrentKernel, kDBias, kDGamma, kDCellGamma, kDCellBeta})
        if (float* gradient = output(call_, out); gradient != nullptr && status == 0)
          status = setValues(call_, call_.out[out].shape.elements(), nullptr, gradient);
    return status;
  }

  // What all steps have in common.
  BackwardStep common() const {
    BackwardStep step{};
    step.options = cellOptions(attributes_);
    step.H = static_cast<int32_t>(e_.H);
    step.T = e_.T;
    step.stateMasks = input(call_, kStateMasks);
    step.maskRow = static_cast<int32_t>(e_.columns());
    step.mask = input<uint8_t>(call_, kMask);
    step.update = updateFactor(attributes_);
    if (attributes_.zoneout > 0) step.zoneout = input(call_, kZoneout);
    step.dSequence = input(call_, kDSequence);
    if (repeats_) step.repeated = at(repeated_);
    for (int s = 0; s < e_.cell->states; ++s) step.d[s] = at(d_[s]);
    return step;
  }
  // Of the step at a turn; what the turn behind it left is multiplied, if there is one.
  StepOperands operands(int64_t turn) const {
    StepOperands operands;
    operands.count = e_.B;
    operands.rows = at<void>(operands_[(turn + 1) % 2]);
    operands.next = at<void>(operands_[(turn + 2) % 2]);
    operands.columns = at<void>(columns_);
    operands.depth =
        turn + 1 < e_.T ? static_cast<int32_t>(e_.backwardColumns().depth(e_.precision)) : 0;
    operands.ld = operands.nextLd = ld_;
    operands.plane = e_.plane();
    return operands;
  }

  int32_t step(const StepChunk& chunk, int64_t turn) const {
    BackwardStep step = common();
    step.at = e_.position(turn);
    step.gates = reserve(e_.cell->states);
    step.ld = e_.savedRow();
    step.gradients = products_.gradients();
    step.ldGradients = e_.gradientRow();
    step.steps = chunk.turns;
    step.local = step.at - chunk.begin;
    StepOperands operands = this->operands(turn);
    operands.overlaps = kStepsOverlap && turn + 1 < chunk.firstTurn + chunk.turns;
    if (const int32_t status = walk(operands, step)) return status;
    if (!e_.cell->resetsBefore()) return 0;
    // dn, which that kernel wrote to the third plane.
    operands.rows = static_cast<const unsigned char*>(operands.next) +
                    2 * operandBytes(e_.precision) * e_.plane();
    operands.columns = at<void>(resetColumns_);
    operands.depth = e_.plane();
    operands.overlaps = kStepsOverlap;
    return e_.cell->backwardReset(call_, resetTile_, operands, step);
  }

  int32_t walk(const StepOperands& operands, const BackwardStep& step) const {
    if (e_.cell->norms()) return normedWalk(operands, step);
    const auto kernel = e_.stateMasks ? e_.cell->backwardMasked : e_.cell->backward;
    return kernel(call_, tile_, operands, step);
  }

  int32_t normedWalk(const StepOperands& operands, const BackwardStep& step) const {
    const StepColumns columns = e_.backwardColumns();
    const SumStep sums{static_cast<int32_t>(columns.units()), at(sums_)};
    if (const int32_t status = leaveSums(call_, tile_, operands, sums)) return status;
    BackwardNorm norm{};
    norm.sums = sums.sums;
    norm.planes = columns.sums();
    norm.gamma = input(call_, kGamma) + e_.columns();
    norm.cellGamma = input(call_, kCellGamma);
    norm.factors = savedFactors(call_, e_);
    return e_.cell->backwardRows(call_, operands, step, norm);
  }

  // The initial states' gradients.
  int32_t finish() const {
    int32_t status = 0;
    if (float* dInitial = output(call_, kDInitialState)) {
      BackwardStep step = common();
      step.dInitial = dInitial;
      status = walk(operands(-1), step);
    }
    if (float* dCell = output(call_, kDInitialCell); dCell != nullptr && status == 0)
      status = setValues(call_, e_.B * e_.H, at(d_[1]), dCell);
    return status;
  }

  const OpCall& call_;
  const RecurrentAttributes& attributes_;
  RecurrentExtents e_;
  int64_t turns_;  // of a chunk
  StepTile tile_, resetTile_;
  int32_t ld_;  // of operands: a plane a gate
  bool repeats_;
  ScratchPlan plan_;
  RecurrentGradients products_;
  size_t columns_ = 0, resetColumns_ = 0, operands_[2] = {}, d_[2] = {}, repeated_ = 0, sums_ = 0;
};

size_t scratchBytes(const OpCall& call) noexcept { return Backward(call).scratchBytes(); }
int32_t run(const OpCall& call) noexcept { return Backward(call).run(); }

Kernel kernelNamed(const char* name) {
  return {.name = name,
          .whyNot = recurrentWhyNot,
          .scratchBytes = scratchBytes,
          .launch = run,
          .launchPair = launchPair<run>,
          .describe = recurrentDescribeBackward};
}

}  // namespace

Kernel gruBackwardKernel() { return kernelNamed("cuda.gruBackward"); }
Kernel lstmBackwardKernel() { return kernelNamed("cuda.lstmBackward"); }
Kernel simpleRnnBackwardKernel() { return kernelNamed("cuda.simpleRnnBackward"); }

}  // namespace sluice::cuda
