// The types of numbers that cuDNN computes with: to and from double on the host, and made on the
// device.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>
#include <vector>

#include "layer.h"
#include "support/device_fill.h"
#include "support/gru_reference.h"

namespace cudnn {

// Calls f with a value of the type that these numbers are stored in.
template <typename F>
auto withType(Numbers numbers, F&& f) {
  if (numbers == Numbers::BFloat16) return f(__nv_bfloat16{});
  if (numbers == Numbers::Float16) return f(__half{});
  return f(float{});
}

inline void store(Numbers numbers, double value, unsigned char* to) {
  withType(numbers, [&](auto typed) {
    typed = static_cast<decltype(typed)>(static_cast<float>(value));
    std::memcpy(to, &typed, sizeof typed);
  });
}
inline double load(Numbers numbers, const unsigned char* from) {
  return withType(numbers, [&](auto typed) {
    std::memcpy(&typed, from, sizeof typed);
    return static_cast<double>(static_cast<float>(typed));
  });
}
// A number as it is stored.
inline double rounded(Numbers numbers, double value) {
  unsigned char bytes[sizeof(float)];
  store(numbers, value, bytes);
  return load(numbers, bytes);
}

inline void put(Memory& memory, Numbers numbers, const Values& from) {
  std::vector<unsigned char> bytes(memory.bytes());
  for (size_t i = 0; i < from.size(); ++i) store(numbers, from[i], &bytes[i * bytesOf(numbers)]);
  memory.put(bytes.data());
}
inline Values fetch(const Memory& memory, Numbers numbers) {
  std::vector<unsigned char> bytes(memory.bytes());
  memory.get(bytes.data());
  Values out(bytes.size() / bytesOf(numbers));
  for (size_t i = 0; i < out.size(); ++i) out[i] = load(numbers, &bytes[i * bytesOf(numbers)]);
  return out;
}

inline void fill(Memory& memory, Numbers numbers, uint32_t seed, float scale) {
  const int64_t count = static_cast<int64_t>(memory.bytes() / bytesOf(numbers));
  withType(numbers, [&](auto typed) {
    fillOnDevice(reinterpret_cast<decltype(typed)*>(memory.data()), count, seed, scale);
  });
}

// [A,B,...] to [B,A,...].
inline Values swapAxes(const Values& from, size_t first, size_t second) {
  const size_t width = from.size() / (first * second);
  Values to(from.size());
  for (size_t a = 0; a < first; ++a)
    for (size_t b = 0; b < second; ++b)
      std::copy_n(from.begin() + static_cast<int64_t>((a * second + b) * width), width,
                  to.begin() + static_cast<int64_t>((b * first + a) * width));
  return to;
}

// Values of a tensor, spread evenly from the first to the last.
inline Values sample(const Memory& memory, Numbers numbers) {
  constexpr size_t kCount = 256;
  const Values all = fetch(memory, numbers);
  Values out;
  for (size_t i = 0; i < kCount; ++i) out.push_back(all[i * (all.size() - 1) / (kCount - 1)]);
  return out;
}

}  // namespace cudnn
