// A tensor that owns its memory, for native tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "engine/core/tensor.h"

namespace sluice::test {

// Deep copies. Fresh memory is filled with 0xFF bytes, which are NaN in both float types, so that a
// kernel that forgets an element or reads an output is seen; guards around it tell of writes
// outside.
class Tensor {
 public:
  Tensor() = default;  // absent
  // `misalignment` elements past a 64-byte boundary.
  Tensor(DType dtype, Shape shape, int misalignment = 0);
  Tensor(const Tensor& other);
  Tensor& operator=(const Tensor& other);
  Tensor(Tensor&&) = default;
  Tensor& operator=(Tensor&&) = default;

  // An output whose size the kernel decides (Kernel::reserveBytes); launch() allocates it.
  static Tensor opaque();
  static Tensor of(DType dtype, Shape shape, std::initializer_list<double> values);
  static Tensor filled(DType dtype, Shape shape, double value);

  bool present() const { return view_.present(); }
  bool isOpaque() const { return opaque_; }
  int64_t size() const { return view_.shape.elements(); }
  const Shape& shape() const { return view_.shape; }
  DType dtype() const { return view_.dtype; }
  const TensorView& view() const { return view_; }
  template <typename T>
  T* data() const {
    return view_.as<T>();
  }

  double get(int64_t i) const;
  void set(int64_t i, double value);
  std::vector<double> values() const;

  Tensor cast(DType dtype) const;  // the same numbers in another dtype
  Tensor misaligned(int elements) const;
  bool guardsIntact() const;

 private:
  void allocate();
  uint8_t* block() const;  // 64-byte aligned, inside storage_

  TensorView view_;
  int misalignment_ = 0;
  bool opaque_ = false;
  std::unique_ptr<uint8_t[]> storage_;
};

// Seeded numbers for test data.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  double uniform(double low, double high);
  int64_t integer(int64_t low, int64_t high);  // both included
  Tensor tensor(DType dtype, Shape shape, double low = -1, double high = 1);
  Tensor mask(Shape shape, double validShare = 0.6);

 private:
  uint64_t state_;
};

// max|got - want| / max(1, max|want|). Equal infinities and NaN on both sides differ by nothing; a
// NaN on one side differs by infinity.
double difference(const Tensor& got, const Tensor& want);
bool sameBits(const Tensor& a, const Tensor& b);

}  // namespace sluice::test
