// Large products by cuBLAS.
#pragma once

#include "cuda/gemm.h"

namespace sluice::cuda {

// By sizes alone: whether a product is one that cuBLAS computes where it is there.
bool isForLibrary(const Product& product);
size_t libraryScratchBytes(const OpCall& call, const Product& product);
// Whether it was computed, or `status` tells what went wrong.
bool multiplyByLibrary(const OpCall& call, const Product& product, void* scratch, int32_t& status);

}  // namespace sluice::cuda
