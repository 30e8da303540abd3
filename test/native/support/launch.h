// Runs single kernels of a backend, for native tests.
#pragma once

#include <functional>
#include <vector>

#include "engine/backend/backend.h"
#include "support/tensor.h"

namespace sluice::test {

// One call of an op with everything it needs. `attributes` must outlive it.
struct Case {
  Op op = Op::Count;
  const void* attributes = nullptr;
  std::vector<Tensor> in{};
  std::vector<Tensor> out{};
  RunContext context{};
  double gradientScale = 1;  // of Optimize, on devices with memory of their own
};

const Backend& backend(const char* name);  // fails loudly where it is not registered

// The kernel that would run this case, for its dtype.
const Kernel& kernelOf(const Backend& backend, const Case& c);

// Fills c.out: sizes opaque outputs, makes scratch (filled with NaN) and the packed form, launches,
// and checks the status and the guards of every tensor. Failures are GoogleTest failures.
void launch(const Backend& backend, Case& c);

// As launch(), but the output starts as a copy of the input and both are the same memory.
void launchInPlace(const Backend& backend, Case& c, int input, int output);

// Two cases of one kernel at once. `follows`: the second reads what the first writes, as
// Kernel::launchPair allows it.
void launchPair(const Backend& backend, Case& first, Case& second, bool follows);

// The case with its Float32 tensors as Float64.
Case inDouble(const Case& c);

// Runs the Float32 case on `backend` and, in double, on the reference; expects every output within
// `bound` by difference(). Opaque outputs are not compared. Returns the worst difference.
double expectAsReference(const Backend& backend, Case& c, double bound);

// Runs the case with 1, 2, 3 and 8 threads and expects the same bits.
void expectThreadsDoNotMatter(const Backend& backend, const Case& c);

// Expects dx to be the derivative of objective() by x, by central differences. x must be Float64;
// its elements are moved and put back.
void expectDerivative(Tensor& x, const Tensor& dx, const std::function<double()>& objective,
                      const char* what, double bound = 1e-7);

// Sum of a * b: a scalar objective of a tensor, whose gradient is b.
double inner(const Tensor& a, const Tensor& b);

}  // namespace sluice::test
