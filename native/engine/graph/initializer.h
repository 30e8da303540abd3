// Weight initializers, with Keras' definitions.
#pragma once

#include <cstdint>

#include "engine/core/tensor.h"
#include "engine/core/value.h"

namespace sluice {

struct Initializer {
  enum class Kind {
    Constant,
    Uniform,
    Normal,
    TruncatedNormal,
    VarianceScalingUniform,
    VarianceScalingTruncatedNormal,
    Orthogonal
  };
  enum class Fan { In, Average };
  Kind kind = Kind::Constant;
  double a = 0;  // constant; minimum; mean; scale; gain
  double b = 0;  // maximum; standard deviation
  Fan fan = Fan::Average;
  // Elements that start at one whatever the kind: an LSTM's forget bias.
  int64_t onesBegin = 0, onesEnd = 0;

  // From { name, ...numbers }; `what` names the option in errors.
  static Initializer parse(const Value& value, const std::string& what);
  // Fills `values` with numbers of the stream (seed, parameter name).
  void fill(float* values, const Shape& shape, uint64_t seed, uint64_t stream) const;

 private:
  void draw(float* values, const Shape& shape, uint64_t seed, uint64_t stream) const;
};

}  // namespace sluice
