// Products by cuBLAS, of which a library with the same symbols and plain loops takes the place.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>

#include "cuda/product_support.h"

namespace sluice::test {
namespace {

int enqueue(void* stream, void (*work)(void*), void* argument) {
  return cudaLaunchHostFunc(static_cast<cudaStream_t>(stream), work, argument) == cudaSuccess ? 0
                                                                                              : 13;
}

class Cublas : public testing::Test {
 protected:
  void SetUp() override {
    void* library = dlopen(SLUICE_FAKE_CUBLAS, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    products_ = static_cast<int*>(dlsym(library, "fakeCublasProducts"));
    handles_ = static_cast<int*>(dlsym(library, "fakeCublasHandles"));
    using Enqueue = int (*)(void*, void (*)(void*), void*);
    *static_cast<Enqueue*>(dlsym(library, "fakeCublasEnqueue")) = enqueue;
    *products_ = 0;
  }
  int products() const { return *products_; }
  int handles() const { return *handles_; }

 private:
  const Setting use_{"SLUICE_CUBLAS", "on"};
  const Setting path_{"SLUICE_CUBLAS_PATH", SLUICE_FAKE_CUBLAS};
  int* products_ = nullptr;
  int* handles_ = nullptr;
};

constexpr ProductSpec kLarge{.m = 330, .n = 320, .k = 321};

TEST_F(Cublas, ComputesLargeProductsOfEveryLayout) {
  const auto stream = openStream();
  int calls = 0;
  for (const Precision precision : kPrecisions)
    for (const int layout : {0, 1, 2, 3}) {
      ProductSpec spec = kLarge;
      spec.transposeA = (layout & 1) != 0;
      spec.transposeB = (layout & 2) != 0;
      spec.bias = layout == 1 || layout == 2;
      spec.accumulate = layout >= 2;
      spec.shift = spec.gap = layout;
      spec.precision = precision;
      SCOPED_TRACE(describe(spec));
      const ProductRun product(spec);
      const std::vector<float> got = product.run(*stream);
      EXPECT_LE(product.error(got, true), sumBound(spec.k));
      EXPECT_EQ(products(), ++calls);
    }
  EXPECT_EQ(handles(), 1);
}

TEST_F(Cublas, ReleasesItsHandles) {
  {
    const auto stream = openStream();
    ProductRun(kLarge).run(*stream);
    EXPECT_EQ(handles(), 1);
  }
  EXPECT_EQ(handles(), 0);
}

TEST_F(Cublas, LeavesSmallAndRowInvariantProductsAlone) {
  const auto stream = openStream();
  ProductRun({.m = 64, .n = 64, .k = 64}).run(*stream);
  ProductSpec spec = kLarge;
  spec.rowInvariant = true;
  ProductRun(spec).run(*stream);
  EXPECT_EQ(products(), 0);
}

TEST_F(Cublas, CanBeTurnedOff) {
  const Setting off("SLUICE_CUBLAS", "off");
  const auto stream = openStream();
  const ProductRun product(kLarge);
  EXPECT_LE(product.error(product.run(*stream), true), sumBound(kLarge.k));
  EXPECT_EQ(products(), 0);
}

TEST_F(Cublas, MayBeMissing) {
  const Setting nowhere("SLUICE_CUBLAS_PATH", "/nowhere/libcublas.so");
  const auto stream = openStream();
  const ProductRun product(kLarge);
  EXPECT_LE(product.error(product.run(*stream), true), sumBound(kLarge.k));
  EXPECT_EQ(products(), 0);
}

}  // namespace
}  // namespace sluice::test
