#include "cuda/device/intrinsics.h"

#include <cstring>

namespace sluice::cuda {

using emulator::fault;
using emulator::kAllLanes;
using emulator::kWarp;
using emulator::Meeting;
using emulator::meetWarp;

// --- numbers of 16 and 19 bits ------------------------------------------------------------------

namespace {

constexpr uint32_t kInfinity = 0x7f800000;
constexpr uint32_t kTf32Dropped = 0x1fff;  // the bits of a float that TF32 has not

uint32_t magnitude(float value) { return __float_as_uint(value) & 0x7fffffff; }

// `bits` without the lowest `drop`, to the nearest, ties to even.
uint32_t roundedShift(uint32_t bits, uint32_t drop) {
  return (bits + (1u << (drop - 1)) - 1 + (bits >> drop & 1)) >> drop;
}

uint32_t pack(uint16_t low, uint16_t high) { return low | static_cast<uint32_t>(high) << 16; }

}  // namespace

BFloat16 toBFloat16(float value) {
  if (magnitude(value) > kInfinity) return {0x7fff};
  return {static_cast<uint16_t>(roundedShift(__float_as_uint(value), 16))};
}

Half toHalf(float value) {
  const auto sign = static_cast<uint16_t>(__float_as_uint(value) >> 16 & 0x8000);
  const uint32_t bits = magnitude(value);
  if (bits > kInfinity) return {0x7fff};
  if (bits >= 0x477ff000) return {static_cast<uint16_t>(sign | 0x7c00)};  // from 65520 on: infinity
  uint32_t result = 0;
  if (bits >= 0x38800000) {  // 2^-14: normal
    result = roundedShift(bits - 0x38000000, 13);
  } else {  // in units of 2^-24; the sum drops what is less, to the nearest even
    result = __float_as_uint(__uint_as_float(bits) + 0.5f) - 0x3f000000;
  }
  return {static_cast<uint16_t>(sign | result)};
}

float toFloat(BFloat16 value) { return __uint_as_float(static_cast<uint32_t>(value.bits) << 16); }

float toFloat(Half value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000) << 16;
  const uint32_t bits = value.bits & 0x7fff;
  if (bits >= 0x7c00) return __uint_as_float(sign | kInfinity | (bits & 0x3ff) << 13);
  const float scale = 0x1p+112f;  // the exponents' biases differ by 112
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(bits << 13) * scale));
}

uint32_t toTf32(float value) {
  if (magnitude(value) > kInfinity) return 0x7fffffff;
  return (__float_as_uint(value) + 0x1000) & ~kTf32Dropped;
}

uint32_t packBFloat16(float low, float high) {
  return pack(toBFloat16(low).bits, toBFloat16(high).bits);
}

uint32_t packHalf(float low, float high) { return pack(toHalf(low).bits, toHalf(high).bits); }

// --- matrix products of a warp ------------------------------------------------------------------

namespace {

float low(uint32_t pair, BFloat16) { return toFloat(BFloat16{static_cast<uint16_t>(pair)}); }
float low(uint32_t pair, Half) { return toFloat(Half{static_cast<uint16_t>(pair)}); }

// What a lane brings to a product and takes away.
struct Fragments {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};

struct Operands {
  float a[16][16];  // row, depth
  float b[16][8];   // depth, column
};

void gatherTf32(const Fragments& lane, int group, int member, Operands& operands) {
  // The hardware does not look at the other bits.
  const auto value = [](uint32_t bits) { return __uint_as_float(bits & ~kTf32Dropped); };
  for (int i = 0; i < 4; ++i) {
    operands.a[group + i % 2 * 8][member + i / 2 * 4] = value(lane.a[i]);
  }
  for (int i = 0; i < 2; ++i) operands.b[member + i * 4][group] = value(lane.b[i]);
}

template <typename Narrow>
void gatherPairs(const Fragments& lane, int group, int member, Operands& operands) {
  for (int i = 0; i < 4; ++i) {
    float* pair = &operands.a[group + i % 2 * 8][2 * member + i / 2 * 8];
    pair[0] = low(lane.a[i], Narrow{});
    pair[1] = low(lane.a[i] >> 16, Narrow{});
  }
  for (int i = 0; i < 2; ++i) {
    operands.b[2 * member + i * 8][group] = low(lane.b[i], Narrow{});
    operands.b[2 * member + i * 8 + 1][group] = low(lane.b[i] >> 16, Narrow{});
  }
}

// Products are exact in a float; sums go by depth. (In which order the hardware adds is not said.)
template <int kDepth, void (*kGather)(const Fragments&, int, int, Operands&)>
void multiply(const Meeting& meeting) {
  Operands operands;
  for (int i = 0; i < kWarp; ++i) {
    if (meeting.brought[i] == nullptr) fault("a matrix product needs all lanes of the warp");
    kGather(*static_cast<const Fragments*>(meeting.brought[i]), i / 4, i % 4, operands);
  }
  for (int i = 0; i < kWarp; ++i) {
    float* d = static_cast<const Fragments*>(meeting.brought[i])->d;
    for (int j = 0; j < 4; ++j) {
      const float* row = operands.a[i / 4 + j / 2 * 8];
      const int column = i % 4 * 2 + j % 2;
      for (int k = 0; k < kDepth; ++k) d[j] += row[k] * operands.b[k][column];
    }
  }
}

}  // namespace

void multiplyTf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Fragments fragments{d, a, b};
  meetWarp("multiplyTf32", kAllLanes, &fragments, multiply<8, gatherTf32>);
}

void multiplyBFloat16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Fragments fragments{d, a, b};
  meetWarp("multiplyBFloat16", kAllLanes, &fragments, multiply<16, gatherPairs<BFloat16>>);
}

void multiplyHalf(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Fragments fragments{d, a, b};
  meetWarp("multiplyHalf", kAllLanes, &fragments, multiply<16, gatherPairs<Half>>);
}

// --- fragments from shared memory ---------------------------------------------------------------

namespace {

struct Row {
  const void* address;
  uint32_t* r;
};

template <bool kTransposed>
void loadMatrices(const Meeting& meeting) {
  for (int i = 0; i < kWarp; ++i) {
    if (meeting.brought[i] == nullptr) fault("loading matrices needs all lanes of the warp");
  }
  for (int matrix = 0; matrix < 4; ++matrix) {
    uint16_t elements[8][8];
    for (int row = 0; row < 8; ++row) {
      const void* address = static_cast<Row*>(meeting.brought[matrix * 8 + row])->address;
      emulator::requireShared(address, sizeof elements[row]);
      std::memcpy(elements[row], address, sizeof elements[row]);
    }
    for (int i = 0; i < kWarp; ++i) {
      const int group = i / 4;
      const int pair = i % 4 * 2;
      static_cast<Row*>(meeting.brought[i])->r[matrix] =
          kTransposed ? pack(elements[pair][group], elements[pair + 1][group])
                      : pack(elements[group][pair], elements[group][pair + 1]);
    }
  }
}

}  // namespace

void loadMatrices4(uint32_t (&r)[4], const void* sharedRow) {
  Row row{sharedRow, r};
  meetWarp("loadMatrices4", kAllLanes, &row, loadMatrices<false>);
}

void loadMatrices4Transposed(uint32_t (&r)[4], const void* sharedRow) {
  Row row{sharedRow, r};
  meetWarp("loadMatrices4Transposed", kAllLanes, &row, loadMatrices<true>);
}

}  // namespace sluice::cuda
