// One direction of a recurrence over a sequence: x W + b of all steps at once, then a kernel a step
// (two where r h meets the candidate's columns). In training x W + b is computed to where backward
// finds the gates that take its place; otherwise chunk by chunk.
#include "cuda/arguments.h"
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "cuda/recurrent_describe.h"
#include "cuda/recurrent_layout.h"

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
        tile_(e_.tile(e_.forwardColumns().gates())),
        resetTile_(e_.tile(e_.forwardResetColumns().gates())) {
    const size_t operand = static_cast<size_t>(e_.B * e_.plane() * operandBytes(e_.precision));
    columns_ = plan_.take(packedBytes(e_.forwardColumns(), tile_, e_.precision));
    operands_[0] = plan_.take(operand);
    operands_[1] = plan_.take(operand);
    if (e_.cell->resetsBefore()) {
      resetColumns_ = plan_.take(packedBytes(e_.forwardResetColumns(), resetTile_, e_.precision));
      resetOperand_ = plan_.take(operand);
    }
    const int64_t rows = e_.B * std::min(turns_, e_.T);
    if (!keeps_) sums_ = plan_.floats(rows * e_.columns());
    if (chunked()) x_ = plan_.floats(rows * e_.I);
    product_ = plan_.take(productScratchBytes(call, input(StepChunk(e_, 0, turns_))));
  }

  size_t scratchBytes() const { return plan_.bytes(); }

  int32_t run() const {
    if (const int32_t status = start()) return status;
    for (int64_t turn = 0; turn < e_.T && e_.B > 0; turn += turns_) {
      const StepChunk chunk(e_, turn, turns_);
      const float* x = cuda::input(call_, recurrent::kX);
      int32_t status = 0;
      if (chunked()) status = gatherSteps(call_, e_, chunk, x, e_.I, e_.I, nullptr, at(x_));
      if (status == 0) status = multiply(call_, input(chunk), at<void>(product_));
      for (int64_t i = 0; i < chunk.turns && status == 0; ++i)
        status = step(chunk, turn + i, i > 0);
      if (status != 0) return status;
    }
    return 0;
  }

 private:
  bool chunked() const { return turns_ < e_.T; }

  template <typename T = float>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(static_cast<unsigned char*>(call_.scratch) + offset);
  }
  float* gates() const {
    return keeps_ ? output(call_, recurrent::kReserve) + e_.cell->states * e_.H : at(sums_);
  }
  int64_t ld() const { return keeps_ ? e_.savedRow() : e_.columns(); }

  // x W + b. Before launch, what it would be.
  Product input(const StepChunk& chunk) const {
    Product product;
    product.m = e_.B * chunk.turns;
    product.n = e_.columns();
    product.k = e_.I;
    product.lda = e_.I;
    product.ldb = e_.columns();
    product.ldc = ld();
    product.rowInvariant = !keeps_;
    if (call_.scratch == nullptr) return product;
    product.a = chunked() ? at(x_) : cuda::input(call_, recurrent::kX);
    product.b = cuda::input(call_, recurrent::kKernel);
    product.c = gates();
    product.bias = cuda::input(call_, recurrent::kBias);
    return product;
  }

  // States become the initial ones in place, the weights are packed.
  int32_t start() const {
    const float* kernel = cuda::input(call_, recurrent::kRecurrentKernel);
    int32_t status = packColumns(call_, e_.forwardColumns(), tile_, kernel, at<void>(columns_));
    if (status == 0 && e_.cell->resetsBefore())
      status =
          packColumns(call_, e_.forwardResetColumns(), resetTile_, kernel, at<void>(resetColumns_));
    const auto set = [&](const float* from, void* to, float* values) {
      if (status == 0) status = setOperand(call_, from, e_.B, e_.H, e_.plane(), to, values);
    };
    set(cuda::input(call_, recurrent::kInitialState), at<void>(operands_[0]),
        output(call_, recurrent::kFinalState));
    set(nullptr, at<void>(operands_[1]), nullptr);
    if (e_.cell->resetsBefore()) set(nullptr, at<void>(resetOperand_), nullptr);
    if (e_.cell->states > 1)
      set(cuda::input(call_, recurrent::kInitialCell), nullptr,
          output(call_, recurrent::kFinalCell));
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
    const float* bias = cuda::input(call_, recurrent::kBias);
    if (bias != nullptr && call_.in[recurrent::kBias].shape.rank == 2)
      step.bias = bias + e_.columns();
    step.mask = cuda::input<uint8_t>(call_, recurrent::kMask);
    if (attributes_.zoneout > 0) step.zoneout = cuda::input(call_, recurrent::kZoneout);
    step.update = updateFactor(attributes_);
    step.states[0] = output(call_, recurrent::kFinalState);
    step.states[1] = output(call_, recurrent::kFinalCell);
    step.sequence = output(call_, recurrent::kSequence);

    StepOperands operands;
    operands.count = e_.B;
    operands.depth = operands.ld = operands.plane = e_.plane();
    operands.rows = at<void>(operands_[turn % 2]);
    operands.overlaps = kStepsOverlap && follows;
    if (e_.cell->resetsBefore()) {
      operands.columns = at<void>(resetColumns_);
      operands.next = at<void>(resetOperand_);
      if (const int32_t status = e_.cell->forwardReset(call_, resetTile_, operands, step))
        return status;
      operands.rows = operands.next;
      operands.overlaps = kStepsOverlap;
    }
    operands.columns = at<void>(columns_);
    operands.next = at<void>(operands_[(turn + 1) % 2]);
    return e_.cell->forward(call_, tile_, operands, step);
  }

  const OpCall& call_;
  const RecurrentAttributes& attributes_;
  RecurrentExtents e_;
  bool keeps_;
  int64_t turns_;  // of a chunk
  StepTile tile_, resetTile_;
  ScratchPlan plan_;
  size_t columns_ = 0, resetColumns_ = 0, operands_[2] = {}, resetOperand_ = 0, sums_ = 0, x_ = 0,
         product_ = 0;
};

size_t scratchBytes(const OpCall& call) noexcept { return Forward(call).scratchBytes(); }

size_t reserveBytes(const OpCall& call) noexcept {
  const RecurrentExtents e(call);
  return static_cast<size_t>(e.B * e.T * e.savedRow()) * sizeof(float);
}

int32_t run(const OpCall& call) noexcept { return Forward(call).run(); }

Kernel kernelNamed(const char* name) {
  return {.name = name,
          .whyNot = recurrentWhyNot,
          .scratchBytes = scratchBytes,
          .reserveBytes = reserveBytes,
          .launch = run,
          .describe = recurrentDescribe};
}

}  // namespace

Kernel gruKernel() { return kernelNamed("cuda.gru"); }
Kernel lstmKernel() { return kernelNamed("cuda.lstm"); }
Kernel simpleRnnKernel() { return kernelNamed("cuda.simpleRnn"); }

}  // namespace sluice::cuda
