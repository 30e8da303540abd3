// Matrix products on the device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cuda {

// Products of one shape whose matrices lie in steps of `outer`, and within each of `inner`,
// elements.
struct Batch {
  int64_t outer = 1, inner = 1;  // how many
  int64_t outerA = 0, outerB = 0, outerC = 0;
  int64_t innerA = 0, innerB = 0, innerC = 0;

  int64_t count() const { return outer * inner; }
};

// c = op(a) op(b), row-major: op(a) is [m,k], op(b) [k,n], c [m,n]; leading dimensions in elements.
struct Product {
  int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  int64_t lda = 0;
  bool transposeA = false;  // a is stored as [k,m]
  const float* b = nullptr;
  int64_t ldb = 0;
  bool transposeB = false;  // b is stored as [n,k]
  float* c = nullptr;
  int64_t ldc = 0;
  const float* bias = nullptr;  // [n], added to each row; may be null
  bool accumulate = false;      // c += instead of c =
  // A row's bits depend on that row of a alone, whatever m is: for what inference sees.
  bool rowInvariant = false;
  Batch batch = {};  // with one bias for all
};

// Of `scratch`; asks nothing but sizes and the call's precision.
size_t productScratchBytes(const OpCall& call, const Product& product) noexcept;
// Factors are rounded as call.context->precision says, sums are float32.
int32_t multiply(const OpCall& call, const Product& product, void* scratch) noexcept;

}  // namespace sluice::cuda
