#include "support/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace sluice::test {
namespace {

constexpr size_t kGuard = 64;
constexpr uint8_t kGuardByte = 0xA5;

}  // namespace

Tensor::Tensor(DType dtype, Shape shape, int misalignment)
    : view_{nullptr, dtype, shape}, misalignment_(misalignment) {
  allocate();
}

Tensor::Tensor(const Tensor& other)
    : view_(other.view_), misalignment_(other.misalignment_), opaque_(other.opaque_) {
  if (!other.storage_) return;
  allocate();
  if (view_.bytes()) std::memcpy(view_.data, other.view_.data, view_.bytes());
}

Tensor& Tensor::operator=(const Tensor& other) {
  if (this != &other) *this = Tensor(other);
  return *this;
}

uint8_t* Tensor::block() const {
  const auto address = reinterpret_cast<uintptr_t>(storage_.get());
  return storage_.get() + (64 - address % 64) % 64;
}

void Tensor::allocate() {
  const size_t shift = static_cast<size_t>(misalignment_) * dtypeBytes(view_.dtype);
  const size_t used = kGuard + shift + view_.bytes() + kGuard;
  storage_ = std::make_unique<uint8_t[]>(used + 64);
  std::memset(block(), kGuardByte, used);
  view_.data = block() + kGuard + shift;
  std::memset(view_.data, 0xFF, view_.bytes());
}

bool Tensor::guardsIntact() const {
  if (!storage_) return true;
  const auto* data = static_cast<const uint8_t*>(view_.data);
  const auto untouched = [](uint8_t byte) { return byte == kGuardByte; };
  return std::all_of(static_cast<const uint8_t*>(block()), data, untouched) &&
         std::all_of(data + view_.bytes(), data + view_.bytes() + kGuard, untouched);
}

Tensor Tensor::opaque() {
  Tensor t;
  t.opaque_ = true;
  return t;
}

Tensor Tensor::of(DType dtype, Shape shape, std::initializer_list<double> values) {
  Tensor t(dtype, shape);
  int64_t i = 0;
  for (const double value : values) t.set(i++, value);
  return t;
}

Tensor Tensor::filled(DType dtype, Shape shape, double value) {
  Tensor t(dtype, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.set(i, value);
  return t;
}

double Tensor::get(int64_t i) const {
  switch (view_.dtype) {
    case DType::Float32:
      return static_cast<double>(data<float>()[i]);
    case DType::Float64:
      return data<double>()[i];
    case DType::Int32:
      return data<int32_t>()[i];
    case DType::Bool:
      return data<uint8_t>()[i];
  }
  return 0;
}

void Tensor::set(int64_t i, double value) {
  switch (view_.dtype) {
    case DType::Float32:
      data<float>()[i] = static_cast<float>(value);
      break;
    case DType::Float64:
      data<double>()[i] = value;
      break;
    case DType::Int32:
      data<int32_t>()[i] = static_cast<int32_t>(value);
      break;
    case DType::Bool:
      data<uint8_t>()[i] = value != 0;
      break;
  }
}

std::vector<double> Tensor::values() const {
  std::vector<double> out(static_cast<size_t>(size()));
  for (int64_t i = 0; i < size(); ++i) out[static_cast<size_t>(i)] = get(i);
  return out;
}

Tensor Tensor::cast(DType dtype) const {
  if (!present()) return *this;
  Tensor out(dtype, shape());
  for (int64_t i = 0; i < size(); ++i) out.set(i, get(i));
  return out;
}

Tensor Tensor::misaligned(int elements) const {
  if (!present()) return *this;
  Tensor out(dtype(), shape(), elements);
  if (view_.bytes()) std::memcpy(out.view_.data, view_.data, view_.bytes());
  return out;
}

double Random::uniform(double low, double high) {
  state_ += 0x9E3779B97F4A7C15ull;  // splitmix64
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  z ^= z >> 31;
  return low + (high - low) * static_cast<double>(z >> 11) * 0x1p-53;
}

int64_t Random::integer(int64_t low, int64_t high) {
  return std::min(high,
                  low + static_cast<int64_t>(uniform(0, static_cast<double>(high - low + 1))));
}

Tensor Random::tensor(DType dtype, Shape shape, double low, double high) {
  Tensor t(dtype, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.set(i, uniform(low, high));
  return t;
}

Tensor Random::mask(Shape shape, double validShare) {
  Tensor t(DType::Bool, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.set(i, uniform(0, 1) < validShare);
  return t;
}

double difference(const Tensor& got, const Tensor& want) {
  if (got.present() != want.present() || got.shape() != want.shape()) {
    return std::numeric_limits<double>::infinity();
  }
  double worst = 0, scale = 1;
  for (int64_t i = 0; i < want.size(); ++i) {
    const double a = got.get(i), b = want.get(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double delta = std::abs(a - b);
    worst = std::max(worst, std::isnan(delta) ? std::numeric_limits<double>::infinity() : delta);
  }
  for (const double b : want.values()) {
    if (std::isfinite(b)) scale = std::max(scale, std::abs(b));
  }
  return worst / scale;
}

bool sameBits(const Tensor& a, const Tensor& b) {
  if (!a.present() || !b.present()) return a.present() == b.present();
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.view().bytes() == 0 ||
          std::memcmp(a.view().data, b.view().data, a.view().bytes()) == 0);
}

}  // namespace sluice::test
