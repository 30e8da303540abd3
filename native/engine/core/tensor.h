// Shapes and views of memory: plain data that passes between engine and backends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice {

enum class DType : int32_t { Float32 = 0, Float64 = 1, Int32 = 2, Bool = 3 };

constexpr size_t dtypeBytes(DType dtype) {
  switch (dtype) {
    case DType::Float32:
    case DType::Int32:
      return 4;
    case DType::Float64:
      return 8;
    case DType::Bool:
      return 1;
  }
  return 0;
}

const char* dtypeName(DType dtype);

constexpr int kMaxRank = 6;

// Row-major extents. rank -1 means "no tensor": an optional argument that is absent.
struct Shape {
  int32_t rank = -1;
  std::array<int64_t, kMaxRank> dims{};

  int64_t operator[](int i) const { return dims[static_cast<size_t>(i)]; }
  int64_t& operator[](int i) { return dims[static_cast<size_t>(i)]; }
  int64_t last() const { return rank > 0 ? dims[static_cast<size_t>(rank - 1)] : 1; }
  // Product of the extents; 1 for a scalar (rank 0), 0 when absent.
  int64_t elements() const {
    if (rank < 0) return 0;
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= (*this)[i];
    return n;
  }
  // Rows when the last axis is taken as columns.
  int64_t rows() const {
    return rank > 0 && last() > 0 ? elements() / last() : (rank == 0 ? 1 : 0);
  }
  bool operator==(const Shape&) const = default;
};

template <typename... Dims>
Shape makeShape(Dims... dims) {
  Shape s;
  s.rank = 0;
  ((s.dims[static_cast<size_t>(s.rank++)] = static_cast<int64_t>(dims)), ...);
  return s;
}

// "[32,100,9]"
std::string toString(const Shape& shape);

// Memory that somebody else owns, contiguous and row-major, aligned to its element.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::Float32;
  Shape shape;

  bool present() const { return shape.rank >= 0; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
  size_t bytes() const { return static_cast<size_t>(shape.elements()) * dtypeBytes(dtype); }
};

}  // namespace sluice
