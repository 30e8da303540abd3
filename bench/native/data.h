// The numbers that every driver computes with, made by the same formula in each language
// (drivers/data.mjs, drivers/protocol.py), so that their results can be compared.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace bench {

// What each tensor is made from. B rows, T steps, I features, H units.
enum Seed : uint32_t {
  kX = 1,            // [B,T,I]
  kKernel,           // [I,3H], columns z, r, h
  kRecurrentKernel,  // [H,3H]
  kBias,             // [2,3H], or [3H] where the reset comes before the product
  kInitialState,     // [B,H]
  kOutputGradient,   // [B,T,H]
  kDenseKernel,      // [H,1]
  kTarget,           // [B,1]
};

// Uniform in [-scale, scale): a hash of the position and the seed.
inline void fill(float* out, int64_t count, uint32_t seed, float scale) {
  for (int64_t i = 0; i < count; ++i) {
    uint32_t x = static_cast<uint32_t>(i) + seed * 0x9e3779b9u;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x ^= x >> 16;
    out[i] = (static_cast<float>(x >> 8) / 8388608.0f - 1.0f) * scale;
  }
}

inline std::vector<float> values(int64_t count, uint32_t seed, float scale) {
  std::vector<float> out(static_cast<size_t>(count));
  fill(out.data(), count, seed, scale);
  return out;
}

// The values of a tensor that are compared, as a JSON array: spread evenly from the first to the
// last.
inline std::string sample(const float* data, int64_t count) {
  constexpr int64_t kSamples = 64;
  std::string text = "[";
  for (int64_t k = 0; k < kSamples; ++k) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.9g", k ? "," : "",
                  static_cast<double>(data[k * (count - 1) / (kSamples - 1)]));
    text += number;
  }
  return text + "]";
}

struct Result {
  const char* name;  // "y", "dx"...
  const float* data;
  int64_t count;
};

inline std::string samples(const std::vector<Result>& results) {
  std::string text;
  for (const Result& r : results)
    text += (text.empty() ? "{\"" : ",\"") + std::string(r.name) + "\":" + sample(r.data, r.count);
  return text + "}";
}

}  // namespace bench
