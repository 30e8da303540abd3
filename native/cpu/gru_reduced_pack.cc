// Weights of a GRU in less precision than float32, packed for gru_stream.cc.
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/arguments.h"
#include "cpu/gru_stream.h"

namespace sluice::cpu {
namespace {

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// Both round to nearest, to even where halfway; NaN stays one.
uint16_t toBFloat16(float value) {
  const uint32_t bits = bitsOf(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
uint16_t toFloat16(float value) {
  const uint32_t sign = bitsOf(value) >> 16 & 0x8000;
  const float magnitude = std::abs(value);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7E00);
  if (magnitude >= 65520.0f) return static_cast<uint16_t>(sign | 0x7C00);
  // Below the normal numbers the unit is 2^-24: adding 0.5 leaves the rounded multiple of it in the
  // last bits.
  if (magnitude < 0x1p-14f)
    return static_cast<uint16_t>(sign | (bitsOf(magnitude + 0.5f) - bitsOf(0.5f)));
  const uint32_t bits = bitsOf(magnitude) - (uint32_t{112} << 23);
  return static_cast<uint16_t>(sign | (bits + 0xFFF + (bits >> 13 & 1)) >> 13);
}

uint16_t toHalf(float value, WeightsType weights) {
  return weights == WeightsType::Float16 ? toFloat16(value) : toBFloat16(value);
}

float roundedToHalf(float value, WeightsType weights) {
  if (weights == WeightsType::BFloat16) return fromBits(uint32_t{toBFloat16(value)} << 16);
  if (std::isnan(value)) return value;
  const uint32_t half = toFloat16(value);
  const uint32_t magnitude = half & 0x7FFF;
  const float finite = fromBits(magnitude << 13) * 0x1p112f;
  const float rounded = magnitude < 0x7C00 ? finite : std::numeric_limits<float>::infinity();
  return std::copysign(rounded, value);
}

// The scale of a column of int8 weights: NaN where one is not finite, so that what comes of the
// column is NaN too.
class Int8Column {
 public:
  Int8Column(const float* column, int64_t k, int64_t stride) {
    float most = 0;
    bool finite = true;
    for (int64_t i = 0; i < k; ++i) {
      most = std::max(most, std::abs(column[i * stride]));
      finite = finite && std::isfinite(column[i * stride]);
    }
    scale_ = finite ? most / 127 : std::numeric_limits<float>::quiet_NaN();
  }
  float scale() const { return scale_; }
  int8_t of(float weight) const {
    if (!(scale_ > 0)) return 0;
    return static_cast<int8_t>(std::clamp(std::nearbyint(weight / scale_), -127.0f, 127.0f));
  }

 private:
  float scale_;
};

class Packing {
 public:
  Packing(const OpCall& call, void* packed)
      : e_(recurrentExtents(call)),
        weights_(call.attr<RecurrentAttributes>().weights),
        at_(e_, weights_),
        out_(static_cast<std::byte*>(packed)) {
    std::memset(out_, 0, static_cast<size_t>(at_.size));
    biases(input(call, recurrent::kBias));
    matrix(input(call, recurrent::kKernel), e_.I, at_.kernel, at_.scales);
    matrix(input(call, recurrent::kRecurrentKernel), e_.H, at_.recurrent,
           at_.scales + 3 * e_.P * static_cast<int64_t>(sizeof(float)));
  }

 private:
  template <typename T>
  T* at(int64_t offset) const {
    return reinterpret_cast<T*>(out_ + offset);
  }
  // Calls body(gate, unit, place): place is the column's in the order of the panels.
  template <typename Body>
  void forEachColumn(const Body& body) const {
    for (int64_t unit = 0; unit < e_.H; ++unit)
      for (int64_t gate = 0; gate < 3; ++gate)
        body(gate, unit, (unit / e_.lanes * 3 + gate) * e_.lanes + unit % e_.lanes);
  }

  void biases(const float* bias) const {
    if (!bias) return;
    const float* recurrent = bias + 3 * e_.H;
    forEachColumn([&](int64_t gate, int64_t unit, int64_t place) {
      const int64_t column = gate * e_.H + unit;
      // What r does not multiply is one sum.
      at<float>(at_.bias)[place] = bias[column] + (gate < 2 ? recurrent[column] : 0.0f);
      if (gate == 2) at<float>(at_.candidateBias)[unit] = recurrent[column];
    });
  }

  void matrix(const float* values, int64_t k, int64_t offset, int64_t scales) const {
    const int64_t panel = kPanelVectors * e_.lanes;
    forEachColumn([&](int64_t gate, int64_t unit, int64_t place) {
      const float* column = values + gate * e_.H + unit;
      const int64_t stride = 3 * e_.H;
      const int64_t block = place / panel;
      const int64_t inPanel = place % panel;
      if (weights_ == WeightsType::Int8) {
        const Int8Column rounded(column, k, stride);
        at<float>(scales)[place] = rounded.scale();
        auto* to = at<int8_t>(offset) + block * panel * roundUp(k, 2) + 2 * inPanel;
        for (int64_t i = 0; i < k; ++i)
          to[i / 2 * 2 * panel + i % 2] = rounded.of(column[i * stride]);
      } else {
        auto* to = at<uint16_t>(offset) + block * panel * k + inPanel;
        for (int64_t i = 0; i < k; ++i) to[i * panel] = toHalf(column[i * stride], weights_);
      }
    });
  }

  const RecurrentExtents e_;
  const WeightsType weights_;
  const GruReduced at_;
  std::byte* out_;
};

// Rounds a packed float32 matrix of `columns` columns, a multiple of the vector.
void roundPacked(int64_t lanes, int64_t k, int64_t columns, int64_t panelVectors,
                 WeightsType weights, float* packed) {
  for (int64_t first = 0; first < columns; first += panelVectors * lanes) {
    const int64_t width = std::min(panelVectors * lanes, columns - first);
    for (int64_t j = 0; j < width; ++j) {
      float* column = packed + j;
      const Int8Column int8(column, k, width);
      for (int64_t i = 0; i < k; ++i) {
        float& value = column[i * width];
        value = weights == WeightsType::Int8 ? static_cast<float>(int8.of(value)) * int8.scale()
                                             : roundedToHalf(value, weights);
      }
    }
    packed += k * width;
  }
}

}  // namespace

size_t gruReducedBytes(const OpCall& call) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  const RecurrentExtents e = recurrentExtents(call);
  if (gruKeepsReduced(e, attributes))
    return static_cast<size_t>(GruReduced(e, attributes.weights).size);
  return static_cast<size_t>(RecurrentPacked(e).size) * sizeof(float);
}

void gruReducedPack(const OpCall& call, void* packed) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  const RecurrentExtents e = recurrentExtents(call);
  if (gruKeepsReduced(e, attributes)) {
    Packing(call, packed);
    return;
  }
  RecurrentAttributes plain = attributes;
  plain.weights = WeightsType::Float32;
  OpCall plainCall = call;
  plainCall.attributes = &plain;
  recurrentPack(plainCall, packed);
  const RecurrentPacked at(e);
  float* out = static_cast<float*>(packed);
  const auto round = [&](int64_t k, int64_t columns, int64_t panelVectors, int64_t offset) {
    roundPacked(e.lanes, k, columns, panelVectors, attributes.weights, out + offset);
  };
  round(e.I, e.columns(), kPanelVectors, at.kernel);
  if (e.cell->isFused(attributes)) return round(e.H, e.columns(), e.cell->gates, at.recurrent);
  const bool waits = e.cell->candidateWaits();
  round(e.H, e.columns() - (waits ? e.P : 0), kPanelVectors, at.recurrent);
  if (waits) round(e.H, e.P, kPanelVectors, at.candidate);
}

}  // namespace sluice::cpu
