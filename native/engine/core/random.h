// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). A number depends on (key, counter) alone, so that a mask
// is the same on every backend, thread count and batch split, and needs no memory to be seen again
// in backward. What is constexpr is compiled for devices too.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace sluice {

using RandomBlock = std::array<uint32_t, 4>;

constexpr RandomBlock philox(RandomBlock counter, uint64_t key) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

// A well-mixed 64-bit key from the seed and the user of the numbers (splitmix64's finaliser).
constexpr uint64_t randomKey(uint64_t seed, uint64_t stream) {
  uint64_t z = seed + 0x9E3779B97F4A7C15ull * (stream + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// A stream number for a name (FNV-1a), so that a layer's numbers do not depend on its position.
inline uint64_t randomStream(std::string_view name) {
  uint64_t h = 0xCBF29CE484222325ull;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return h;
}

// Four numbers for elements 4*block .. 4*block+3 of one row in one training step. `row` is the
// row's index in the GLOBAL batch, so that micro-batches and ranks see the masks of the whole
// batch.
constexpr RandomBlock rowRandom(uint64_t key, uint64_t step, uint64_t row, uint64_t block) {
  return philox(
      {static_cast<uint32_t>(block), static_cast<uint32_t>(row), static_cast<uint32_t>(step),
       static_cast<uint32_t>((block >> 32) << 24 ^ (row >> 32) << 16 ^ (step >> 32))},
      key);
}

// [0, 1)
constexpr float unitFloat(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
inline double unitDouble(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 21) ^ (low >> 11)) * 0x1p-53;
}

// A sequential reader of one stream, for initializers.
class RandomSequence {
 public:
  RandomSequence(uint64_t seed, uint64_t stream) : key_(randomKey(seed, stream)) {}

  uint32_t next() {
    if (used_ == 4) {
      block_ = philox(
          {static_cast<uint32_t>(counter_), static_cast<uint32_t>(counter_ >> 32), 0, 0}, key_);
      ++counter_;
      used_ = 0;
    }
    return block_[static_cast<size_t>(used_++)];
  }
  double uniform() {
    const uint32_t high = next();
    return unitDouble(high, next());
  }
  // Box-Muller; one of the two values is enough here.
  double normal() {
    const double u = 1.0 - uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * uniform());
  }

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
  RandomBlock block_{};
  int used_ = 4;
};

}  // namespace sluice
