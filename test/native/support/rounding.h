// Numbers of less precision, rounded here by other means than in the code under test.
#pragma once

#include "engine/backend/op.h"
#include "support/tensor.h"

namespace sluice::test {

// A finite factor as a device multiplies it.
double roundedTo(Precision precision, double value);

// The Float32 matrix [k, n] with its elements as they are in less precision; int8 by columns.
Tensor roundedTo(WeightsType weights, const Tensor& matrix);

}  // namespace sluice::test
