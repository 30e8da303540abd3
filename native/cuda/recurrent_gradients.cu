#include "cuda/recurrent_gradients.h"

#include <utility>

#include "cuda/column_sum.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {

using namespace recurrentBackward;

RecurrentGradients::RecurrentGradients(const OpCall& call, const RecurrentExtents& e, int64_t turns,
                                       ScratchPlan& plan)
    : call_(call),
      e_(e),
      chunked_(turns < e.T),
      wantsWeights_(call.out[kDKernel].present()),
      gathersX_(wantsWeights_ && (chunked_ || e.masked || e.inputMasks)) {
  const StepChunk chunk(e, 0, turns);
  const int64_t rows = e.B * chunk.turns;
  gradients_ = plan.floats(rows * e.gradientRow());
  if (gathersX_) x_ = plan.floats(rows * e.I);
  if (wantsWeights_ && gathersMet()) met_ = plan.floats(rows * e.H);
  if (call.out[kDx].present() && scattersDx()) dx_ = plan.floats(rows * e.I);
  // The last chunk may be shorter.
  size_t most = 0;
  for (const StepChunk& any : {chunk, StepChunk(e, (e.T - 1) / turns * turns, turns)}) {
    for (int i = 0; i < e.cell->partCount; ++i)
      most = std::max(most, partScratchBytes(any, e.cell->parts[i]));
    most = std::max({most, partScratchBytes(any, {0, 1, 0, 0, 0}),
                     e.cell->norms() ? normGradientsScratchBytes(e, any) : 0,
                     columnSumScratchBytes(e.B * any.turns, e.columns()),
                     productScratchBytes(call, kernelProduct(any, 0)),
                     productScratchBytes(call, inputProduct(any, 0))});
  }
  product_ = plan.take(most);
}

int32_t RecurrentGradients::run(const StepChunk& chunk, bool accumulate) const {
  int32_t status = 0;
  if (wantsWeights_) status = addSums(chunk, accumulate);
  if (status == 0 && e_.cell->norms())
    status = normalizeInputBackward(call_, e_, chunk, gradients());
  if (status == 0 && wantsWeights_) status = addWeights(chunk, accumulate);
  if (status == 0 && call_.out[kDx].present()) status = putInput(chunk);
  return status;
}

size_t RecurrentGradients::partScratchBytes(const StepChunk& chunk, const StatePart& part) const {
  return std::max(productScratchBytes(call_, recurrentKernelProduct(chunk, part)),
                  columnSumScratchBytes(e_.B * chunk.turns, part.gates * e_.H));
}

Product RecurrentGradients::kernelProduct(const StepChunk& chunk, int which) const {
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

Product RecurrentGradients::recurrentKernelProduct(const StepChunk& chunk,
                                                   const StatePart& part) const {
  Product product;
  product.m = e_.H;
  product.n = part.gates * e_.H;
  product.k = e_.B * chunk.turns;
  product.lda = gathersMet() ? e_.H : e_.savedRow();
  product.transposeA = true;
  product.ldb = e_.gradientRow();
  product.ldc = e_.columns();
  if (sizing()) return product;
  product.a = gathersMet() ? at(met_) : input(call_, kReserve) + part.met * e_.H;
  product.b = gradients(part.gradient);
  product.c = output(call_, kDRecurrentKernel) + part.firstGate * e_.H;
  return product;
}

Product RecurrentGradients::inputProduct(const StepChunk& chunk, int which) const {
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

int32_t RecurrentGradients::add(Product product, bool accumulate) const {
  product.accumulate = accumulate;
  return multiply(call_, product, at(product_));
}

int32_t RecurrentGradients::addKernel(const StepChunk& chunk, int which, bool accumulate) const {
  StepRows rows{e_.I, e_.I, input<uint8_t>(call_, kMask)};
  inputFactors(rows, which);
  int32_t status = 0;
  if (gathersX_) status = gatherSteps(call_, e_, chunk, rows, input(call_, kX), at(x_));
  return status == 0 ? add(kernelProduct(chunk, which), accumulate) : status;
}

void RecurrentGradients::inputFactors(StepRows& rows, int which) const {
  if (!e_.inputMasks) return;
  rows.factors = input(call_, kInputMasks) + which * e_.I;
  rows.factorRow = e_.cell->gates * e_.I;
}

int32_t RecurrentGradients::addRecurrentKernel(const StepChunk& chunk, const StatePart& part,
                                               bool accumulate) const {
  StepRows rows{e_.H, e_.savedRow()};
  if (e_.stateMasks) {
    rows.factors = input(call_, kStateMasks) + part.firstGate * e_.H;
    rows.factorRow = e_.columns();
  }
  int32_t status = 0;
  if (gathersMet())
    status =
        gatherSteps(call_, e_, chunk, rows, input(call_, kReserve) + part.met * e_.H, at(met_));
  return status == 0 ? add(recurrentKernelProduct(chunk, part), accumulate) : status;
}

int32_t RecurrentGradients::addWeights(const StepChunk& chunk, bool accumulate) const {
  int32_t status = 0;
  for (int i = 0; i < inputProducts() && status == 0; ++i) status = addKernel(chunk, i, accumulate);
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
  return status;
}

// Of bias and layer norm.
int32_t RecurrentGradients::addSums(const StepChunk& chunk, bool accumulate) const {
  int32_t status = 0;
  const auto sum = [&](int plane, int64_t columns, float* to) {
    if (status == 0)
      status = sumColumns(
          call_, {gradients(plane), e_.B * chunk.turns, columns, e_.gradientRow(), to, accumulate},
          at(product_));
  };
  float* dBias = output(call_, kDBias);
  if (dBias != nullptr) sum(0, e_.columns(), dBias);
  if (dBias != nullptr && call_.in[kBias].shape.rank == 2)
    for (int i = 0; i < e_.cell->partCount; ++i) {
      const StatePart& part = e_.cell->parts[i];
      sum(part.sum, part.gates * e_.H, dBias + e_.columns() + part.firstGate * e_.H);
    }
  if (!e_.cell->norms()) return status;
  if (e_.cell->states > 1) sum(e_.cell->gates, e_.H, output(call_, kDCellBeta));
  return status == 0 ? addNormGradients(call_, e_, chunk, gradients(), accumulate, at(product_))
                     : status;
}

int32_t RecurrentGradients::putInput(const StepChunk& chunk) const {
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

}  // namespace sluice::cuda
