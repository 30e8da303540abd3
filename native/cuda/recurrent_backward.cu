// The gradients of one direction of a recurrence. Chunk by chunk from the last turn to the first: a
// kernel a step (two where r h meets the candidate's columns) takes the gradients of the states
// back and writes those of the gates, of which products over all rows and steps of the chunk make
// those of x and of the weights.
//
// A chunk is all of the sequence unless its gate gradients were very large. Its rows are [B,turns];
// x and the saved states lie in [B,T], so that parts of them are gathered.
#include <utility>

#include "cuda/arguments.h"
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "cuda/recurrent_describe.h"
#include "cuda/recurrent_layout.h"

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
        wantsWeights_(call.out[kDKernel].present()),
        repeats_(e_.masked && attributes_.repeatMasked && call.in[kDSequence].present()),
        gathersX_(wantsWeights_ && (chunked() || e_.masked || e_.inputMasks)) {
    const size_t operand = static_cast<size_t>(e_.B * ld_ * operandBytes(e_.precision));
    columns_ = plan_.take(packedBytes(e_.backwardColumns(), tile_, e_.precision));
    if (e_.cell->resetsBefore())
      resetColumns_ = plan_.take(packedBytes(e_.backwardResetColumns(), resetTile_, e_.precision));
    operands_[0] = plan_.take(operand);
    operands_[1] = plan_.take(operand);
    for (int s = 0; s < e_.cell->states; ++s) d_[s] = plan_.floats(e_.B * e_.H);
    if (repeats_) repeated_ = plan_.floats(e_.B * e_.H);
    const StepChunk chunk(e_, 0, turns_);
    const int64_t rows = e_.B * chunk.turns;
    gradients_ = plan_.floats(rows * e_.gradientRow());
    if (gathersX_) x_ = plan_.floats(rows * e_.I);
    if (wantsWeights_ && gathersMet()) met_ = plan_.floats(rows * e_.H);
    if (call.out[kDx].present() && scattersDx()) dx_ = plan_.floats(rows * e_.I);
    // The last chunk may be shorter.
    size_t most = 0;
    for (const StepChunk& any : {chunk, StepChunk(e_, (e_.T - 1) / turns_ * turns_, turns_)}) {
      for (int i = 0; i < e_.cell->partCount; ++i)
        most = std::max(most, partScratchBytes(any, e_.cell->parts[i]));
      most = std::max({most, partScratchBytes(any, {0, 1, 0, 0}),
                       columnSumScratchBytes(e_.B * any.turns, e_.columns()),
                       productScratchBytes(call, kernelProduct(any, 0)),
                       productScratchBytes(call, inputProduct(any, 0))});
    }
    product_ = plan_.take(most);
  }

  size_t scratchBytes() const { return plan_.bytes(); }

  int32_t run() const {
    int32_t status = start();
    const int64_t chunks = e_.B > 0 ? divideUp(e_.T, turns_) : 0;
    for (int64_t i = chunks - 1; i >= 0 && status == 0; --i) {
      const StepChunk chunk(e_, i * turns_, turns_);
      for (int64_t turn = chunk.turns - 1; turn >= 0 && status == 0; --turn)
        status = step(chunk, chunk.firstTurn + turn);
      const bool first = i == chunks - 1;
      if (status == 0 && wantsWeights_) status = addWeights(chunk, !first);
      if (status == 0 && call_.out[kDx].present()) status = putInput(chunk);
    }
    if (status == 0) status = finish();
    return status;
  }

 private:
  bool chunked() const { return turns_ < e_.T; }
  // With masks each gate is a product of its own.
  bool gathersMet() const { return chunked() || e_.stateMasks; }
  bool scattersDx() const { return chunked() || e_.inputMasks; }
  int inputProducts() const { return e_.inputMasks ? e_.cell->gates : 1; }

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
      for (const int out : {kDKernel, kDRecurrentKernel, kDBias})
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
    step.gradients = at(gradients_);
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
    const auto kernel = e_.stateMasks ? e_.cell->backwardMasked : e_.cell->backward;
    return kernel(call_, tile_, operands, step);
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

  size_t partScratchBytes(const StepChunk& chunk, const StatePart& part) const {
    return std::max(productScratchBytes(call_, recurrentKernelProduct(chunk, part)),
                    columnSumScratchBytes(e_.B * chunk.turns, part.gates * e_.H));
  }
  bool sizing() const { return call_.scratch == nullptr; }
  const float* gradients(int plane) const { return at(gradients_) + plane * e_.H; }

  // Of all gates, or of one.
  Product kernelProduct(const StepChunk& chunk, int which) const {
    Product product;
    product.m = e_.I;
    product.n = e_.columns() / inputProducts();
    product.ldc = e_.columns();
    product.k = e_.B * chunk.turns;
    product.lda = e_.I;
    product.transposeA = true;
    product.ldb = e_.gradientRow();
    if (sizing()) return product;
    product.a = gathersX_ ? at(x_) : input(call_, kX);
    product.b = gradients(which);
    product.c = output(call_, kDKernel) + which * product.n;
    return product;
  }
  Product recurrentKernelProduct(const StepChunk& chunk, const StatePart& part) const {
    Product product;
    product.m = e_.H;
    product.n = part.gates * e_.H;
    product.k = e_.B * chunk.turns;
    product.lda = gathersMet() ? e_.H : e_.savedRow();
    product.transposeA = true;
    product.ldb = e_.gradientRow();
    product.ldc = e_.columns();
    if (sizing()) return product;
    product.a = gathersMet() ? at(met_) : reserve(part.met);
    product.b = gradients(part.gradient);
    product.c = output(call_, kDRecurrentKernel) + part.firstGate * e_.H;
    return product;
  }
  Product inputProduct(const StepChunk& chunk, int which) const {
    Product product;
    product.m = e_.B * chunk.turns;
    product.n = product.ldc = e_.I;
    product.k = e_.columns() / inputProducts();
    product.ldb = e_.columns();
    product.lda = e_.gradientRow();
    product.transposeB = true;
    if (sizing()) return product;
    product.a = gradients(which);
    product.b = input(call_, kKernel) + which * product.k;
    product.c = scattersDx() ? at(dx_) : output(call_, kDx);
    return product;
  }

  int32_t add(Product product, bool accumulate) const {
    product.accumulate = accumulate;
    return multiply(call_, product, at<void>(product_));
  }

  int32_t addKernel(const StepChunk& chunk, int which, bool accumulate) const {
    StepRows rows{e_.I, e_.I, input<uint8_t>(call_, kMask)};
    inputFactors(rows, which);
    int32_t status = 0;
    if (gathersX_) status = gatherSteps(call_, e_, chunk, rows, input(call_, kX), at(x_));
    return status == 0 ? add(kernelProduct(chunk, which), accumulate) : status;
  }
  void inputFactors(StepRows& rows, int which) const {
    if (!e_.inputMasks) return;
    rows.factors = input(call_, kInputMasks) + which * e_.I;
    rows.factorRow = e_.cell->gates * e_.I;
  }
  int32_t addRecurrentKernel(const StepChunk& chunk, const StatePart& part, bool accumulate) const {
    StepRows rows{e_.H, e_.savedRow()};
    if (e_.stateMasks) {
      rows.factors = input(call_, kStateMasks) + part.firstGate * e_.H;
      rows.factorRow = e_.columns();
    }
    int32_t status = 0;
    if (gathersMet()) status = gatherSteps(call_, e_, chunk, rows, reserve(part.met), at(met_));
    return status == 0 ? add(recurrentKernelProduct(chunk, part), accumulate) : status;
  }

  int32_t addWeights(const StepChunk& chunk, bool accumulate) const {
    int32_t status = 0;
    for (int i = 0; i < inputProducts() && status == 0; ++i)
      status = addKernel(chunk, i, accumulate);
    for (int i = 0; i < e_.cell->partCount && status == 0; ++i) {
      StatePart part = e_.cell->parts[i];
      if (!e_.stateMasks) {
        status = addRecurrentKernel(chunk, part, accumulate);
        continue;
      }
      for (int left = std::exchange(part.gates, 1); left > 0 && status == 0;
           --left, ++part.firstGate, ++part.gradient)
        status = addRecurrentKernel(chunk, part, accumulate);
    }
    float* dBias = output(call_, kDBias);
    if (dBias == nullptr) return status;
    const auto sum = [&](int plane, int64_t columns, float* to) {
      if (status == 0)
        status = sumColumns(call_, gradients(plane), e_.B * chunk.turns, columns, e_.gradientRow(),
                            to, accumulate, at<void>(product_));
    };
    sum(0, e_.columns(), dBias);
    if (call_.in[kBias].shape.rank == 2)
      for (int i = 0; i < e_.cell->partCount; ++i) {
        const StatePart& part = e_.cell->parts[i];
        sum(part.gradient, part.gates * e_.H, dBias + e_.columns() + part.firstGate * e_.H);
      }
    return status;
  }

  int32_t putInput(const StepChunk& chunk) const {
    int32_t status = 0;
    for (int i = 0; i < inputProducts() && status == 0; ++i) {
      status = add(inputProduct(chunk, i), false);
      StepRows rows{e_.I, e_.I};
      inputFactors(rows, i);
      if (status == 0 && scattersDx())
        status = scatterSteps(call_, e_, chunk, rows, at(dx_), output(call_, kDx), i > 0);
    }
    return status;
  }

  const OpCall& call_;
  const RecurrentAttributes& attributes_;
  RecurrentExtents e_;
  int64_t turns_;  // of a chunk
  StepTile tile_, resetTile_;
  int32_t ld_;  // of operands: a plane a gate
  bool wantsWeights_, repeats_, gathersX_;
  ScratchPlan plan_;
  size_t columns_ = 0, resetColumns_ = 0, operands_[2] = {}, d_[2] = {}, repeated_ = 0,
         gradients_ = 0, x_ = 0, met_ = 0, dx_ = 0, product_ = 0;
};

size_t scratchBytes(const OpCall& call) noexcept { return Backward(call).scratchBytes(); }
int32_t run(const OpCall& call) noexcept { return Backward(call).run(); }

Kernel kernelNamed(const char* name) {
  return {.name = name,
          .whyNot = recurrentWhyNot,
          .scratchBytes = scratchBytes,
          .launch = run,
          .describe = recurrentDescribeBackward};
}

}  // namespace

Kernel gruBackwardKernel() { return kernelNamed("cuda.gruBackward"); }
Kernel lstmBackwardKernel() { return kernelNamed("cuda.lstmBackward"); }
Kernel simpleRnnBackwardKernel() { return kernelNamed("cuda.simpleRnnBackward"); }

}  // namespace sluice::cuda
