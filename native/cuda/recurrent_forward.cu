// One direction of a recurrence over a sequence: x W + b of all steps at once, then a kernel a step
// (two where r h meets the candidate's columns, or a norm needs whole rows of h R). In training x W
// + b is computed to where backward finds the gates that take its place; otherwise chunk by chunk.
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "cuda/pair.h"
#include "cuda/recurrent_describe.h"
#include "cuda/recurrent_norm.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

class Forward {
 public:
  explicit Forward(const OpCall& call)
      : call_(call),
        attributes_(call.attr<RecurrentAttributes>()),
        e_(call),
        keeps_(call.out[recurrent::kReserve].present()),
        turns_(keeps_ ? std::max<int64_t>(e_.T, 1) : e_.chunkSteps(e_.columns())),
        tile_(e_.tile(e_.forwardColumns())),
        resetTile_(e_.tile(e_.forwardResetColumns())) {
    const size_t plane = static_cast<size_t>(e_.B * e_.plane() * operandBytes(e_.precision));
    const size_t operand = plane * static_cast<size_t>(e_.statePlanes());
    columns_ = plan_.take(packedBytes(e_.forwardColumns(), tile_, e_.precision));
    operands_[0] = plan_.take(operand);
    operands_[1] = plan_.take(operand);
    if (e_.cell->resetsBefore()) {
      resetColumns_ = plan_.take(packedBytes(e_.forwardResetColumns(), resetTile_, e_.precision));
      resetOperand_ = plan_.take(plane);
    }
    if (e_.cell->norms()) {
      stepSums_ = plan_.floats(e_.B * e_.columns());
      if (e_.cell->states > 1) cells_ = plan_.floats(e_.B * e_.H);
    }
    const int64_t rows = e_.B * std::min(turns_, e_.T);
    if (!keeps_) sums_ = plan_.floats(rows * e_.columns());
    if (gathersX()) x_ = plan_.floats(rows * e_.I);
    // The last chunk may be shorter.
    const StepChunk first(e_, 0, turns_), last(e_, (e_.T - 1) / turns_ * turns_, turns_);
    product_ = plan_.take(std::max(productScratchBytes(call, input(first, 0)),
                                   productScratchBytes(call, input(last, 0))));
  }

  size_t scratchBytes() const { return plan_.bytes(); }

  int32_t run() const {
    if (const int32_t status = start()) return status;
    for (int64_t turn = 0; turn < e_.T && e_.B > 0; turn += turns_) {
      const StepChunk chunk(e_, turn, turns_);
      int32_t status = 0;
      for (int i = 0; i < inputProducts() && status == 0; ++i) {
        if (gathersX()) status = gather(chunk, i);
        if (status == 0) status = multiply(call_, input(chunk, i), at<void>(product_));
      }
      if (status == 0 && e_.cell->norms())
        status =
            normalizeInput(call_, e_, {e_.B * chunk.turns, ld(), inputSums(), gates(), factors()});
      for (int64_t i = 0; i < chunk.turns && status == 0; ++i)
        status = step(chunk, turn + i, i > 0);
      if (status != 0) return status;
    }
    return 0;
  }

 private:
  // With masks of the gates x meets the columns of each by itself.
  int inputProducts() const { return e_.inputMasks ? e_.cell->gates : 1; }
  bool gathersX() const { return turns_ < e_.T || e_.inputMasks; }
  int32_t gather(const StepChunk& chunk, int which) const {
    StepRows rows{e_.I, e_.I};
    if (e_.inputMasks) {
      rows.factors = sluice::input(call_, recurrent::kInputMasks) + which * e_.I;
      rows.factorRow = e_.cell->gates * e_.I;
    }
    return gatherSteps(call_, e_, chunk, rows, sluice::input(call_, recurrent::kX), at(x_));
  }

  template <typename T = float>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(static_cast<unsigned char*>(call_.scratch) + offset);
  }
  float* gates() const {
    return keeps_ ? output(call_, recurrent::kReserve) + e_.cell->states * e_.H : at(sums_);
  }
  // x W, where it is not what gates begin as.
  float* inputSums() const {
    return keeps_ && e_.cell->norms() ? output(call_, recurrent::kReserve) + e_.cell->hats * e_.H
                                      : gates();
  }
  float* factors() const {
    return keeps_ ? output(call_, recurrent::kReserve) + e_.savedFactors() : nullptr;
  }
  const float* stateMasks() const { return sluice::input(call_, recurrent::kStateMasks); }
  int64_t ld() const { return keeps_ ? e_.savedRow() : e_.columns(); }

  // x W + b, the bias behind a norm. Before launch, what it would be.
  Product input(const StepChunk& chunk, int which) const {
    Product product;
    product.m = e_.B * chunk.turns;
    product.n = e_.columns() / inputProducts();
    product.k = e_.I;
    product.lda = e_.I;
    product.ldb = e_.columns();
    product.ldc = ld();
    product.rowInvariant = !keeps_;
    if (call_.scratch == nullptr) return product;
    product.a = gathersX() ? at(x_) : sluice::input(call_, recurrent::kX);
    const int64_t column = which * product.n;
    product.b = sluice::input(call_, recurrent::kKernel) + column;
    product.c = inputSums() + column;
    const float* bias = sluice::input(call_, recurrent::kBias);
    if (bias != nullptr && !e_.cell->norms()) product.bias = bias + column;
    return product;
  }

  // States become the initial ones in place, the weights are packed.
  int32_t start() const {
    const float* kernel = sluice::input(call_, recurrent::kRecurrentKernel);
    int32_t status = packColumns(call_, e_.forwardColumns(), tile_, kernel, at<void>(columns_));
    if (status == 0 && e_.cell->resetsBefore())
      status =
          packColumns(call_, e_.forwardResetColumns(), resetTile_, kernel, at<void>(resetColumns_));
    const auto setOperands = [&](int64_t planes, const float* from, size_t to) {
      const OperandRows rows{e_.B, e_.H, planes, stateMasks(), e_.columns()};
      if (status == 0) status = setOperand(call_, rows, from, at<void>(to));
    };
    const float* initial = sluice::input(call_, recurrent::kInitialState);
    setOperands(e_.statePlanes(), initial, operands_[0]);
    setOperands(e_.statePlanes(), nullptr, operands_[1]);
    if (e_.cell->resetsBefore()) setOperands(1, nullptr, resetOperand_);
    const auto setState = [&](const float* from, int to) {
      if (status == 0) status = setValues(call_, e_.B * e_.H, from, output(call_, to));
    };
    setState(initial, recurrent::kFinalState);
    if (e_.cell->states > 1)
      setState(sluice::input(call_, recurrent::kInitialCell), recurrent::kFinalCell);
    return status;
  }

  int32_t step(const StepChunk& chunk, int64_t turn, bool follows) const {
    ForwardStep step{};
    step.options = cellOptions(attributes_);
    step.H = static_cast<int32_t>(e_.H);
    step.at = e_.position(turn);
    step.previous = turn > 0 ? e_.position(turn - 1) : -1;
    step.T = e_.T;
    step.gates = gates();
    step.ld = ld();
    step.steps = keeps_ ? e_.T : chunk.turns;
    step.local = keeps_ ? step.at : step.at - chunk.begin;
    step.keeps = keeps_;
    step.repeatMasked = attributes_.repeatMasked;
    const float* bias = sluice::input(call_, recurrent::kBias);
    if (bias != nullptr && call_.in[recurrent::kBias].shape.rank == 2)
      step.bias = bias + e_.columns();
    step.stateMasks = stateMasks();
    step.maskRow = static_cast<int32_t>(e_.columns());
    step.operandPlanes = static_cast<int32_t>(e_.statePlanes());
    step.mask = sluice::input<uint8_t>(call_, recurrent::kMask);
    if (attributes_.zoneout > 0) step.zoneout = sluice::input(call_, recurrent::kZoneout);
    step.update = updateFactor(attributes_);
    step.states[0] = output(call_, recurrent::kFinalState);
    step.states[1] = output(call_, recurrent::kFinalCell);
    step.sequence = output(call_, recurrent::kSequence);

    StepOperands operands;
    operands.count = e_.B;
    operands.plane = e_.plane();
    operands.depth = operands.ld = static_cast<int32_t>(e_.statePlanes() * e_.plane());
    operands.rows = at<void>(operands_[turn % 2]);
    operands.overlaps = kStepsOverlap && follows;
    if (e_.cell->resetsBefore()) {
      operands.columns = at<void>(resetColumns_);
      operands.next = at<void>(resetOperand_);
      operands.nextLd = e_.plane();
      if (const int32_t status = e_.cell->forwardReset(call_, resetTile_, operands, step))
        return status;
      operands.rows = operands.next;
      operands.depth = operands.ld = e_.plane();
      operands.overlaps = kStepsOverlap;
    }
    operands.columns = at<void>(columns_);
    operands.next = at<void>(operands_[(turn + 1) % 2]);
    operands.nextLd = static_cast<int32_t>(e_.statePlanes() * e_.plane());
    return e_.cell->norms() ? normedStep(operands, step)
                            : e_.cell->forward(call_, tile_, operands, step);
  }

  int32_t normedStep(const StepOperands& operands, const ForwardStep& step) const {
    const SumStep sums{static_cast<int32_t>(e_.columns()), at(stepSums_)};
    if (const int32_t status = leaveSums(call_, tile_, operands, sums)) return status;
    ForwardNorm norm{};
    norm.sums = sums.sums;
    norm.gamma = sluice::input(call_, recurrent::kGamma) + e_.columns();
    norm.cellGamma = sluice::input(call_, recurrent::kCellGamma);
    norm.cellBeta = sluice::input(call_, recurrent::kCellBeta);
    norm.cells = at(cells_);
    norm.epsilon = static_cast<float>(attributes_.epsilon);
    norm.factors = factors();
    return e_.cell->forwardRows(call_, operands, step, norm);
  }

  const OpCall& call_;
  const RecurrentAttributes& attributes_;
  RecurrentExtents e_;
  bool keeps_;
  int64_t turns_;  // of a chunk
  StepTile tile_, resetTile_;
  ScratchPlan plan_;
  size_t columns_ = 0, resetColumns_ = 0, operands_[2] = {}, resetOperand_ = 0, sums_ = 0, x_ = 0,
         product_ = 0, stepSums_ = 0, cells_ = 0;
};

size_t scratchBytes(const OpCall& call) noexcept { return Forward(call).scratchBytes(); }

size_t reserveBytes(const OpCall& call) noexcept {
  return static_cast<size_t>(RecurrentExtents(call).reserveFloats()) * sizeof(float);
}

int32_t run(const OpCall& call) noexcept { return Forward(call).run(); }

Kernel kernelNamed(const char* name) {
  return {.name = name,
          .whyNot = recurrentWhyNot,
          .scratchBytes = scratchBytes,
          .reserveBytes = reserveBytes,
          .launch = run,
          .launchPair = launchPair<run>,
          .describe = recurrentDescribe};
}

}  // namespace

Kernel gruKernel() { return kernelNamed("cuda.gru"); }
Kernel lstmKernel() { return kernelNamed("cuda.lstm"); }
Kernel simpleRnnKernel() { return kernelNamed("cuda.simpleRnn"); }

}  // namespace sluice::cuda
