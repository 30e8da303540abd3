// Weights brought back to what a constraint allows, one vector along the axis after the other.
#include "cuda/arguments.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace sluice::cuda {
namespace {

// Weights as [outer, length, inner], vectors lying along the middle. A block takes some vectors,
// and so many of its threads share each that neighbours read neighbours.
struct Vectors {
  int64_t count = 1, length = 1, inner = 1;

  Vectors(const Shape& shape, int axis) : length(shape[axis]) {
    for (int i = 0; i < axis; ++i) count *= shape[i];
    for (int i = axis + 1; i < shape.rank; ++i) inner *= shape[i];
    count *= inner;
  }
  __device__ int64_t first(int64_t vector) const {
    return vector / inner * length * inner + vector % inner;
  }
};

template <bool SideBySide>
__global__ void __launch_bounds__(kThreads)
    vectorKernel(ConstraintAttributes attributes, Vectors vectors, float* w) {
  constexpr int kVectors = SideBySide ? 32 : kThreads / 32, kLanes = kThreads / kVectors;
  constexpr int kLaneStride = SideBySide ? kVectors : 1, kVectorStride = SideBySide ? 1 : kLanes;
  __shared__ double squares[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int own = thread / kVectorStride % kVectors, lane = thread / kLaneStride % kLanes;
  const int64_t vector = int64_t{blockIdx.x} * kVectors + own;
  float* const elements = w + vectors.first(vector);
  const int64_t length = vector < vectors.count ? vectors.length : 0;
  double sum = 0;
  for (int64_t i = lane; i < length; i += kLanes) {
    const auto value = static_cast<double>(elements[i * vectors.inner]);
    sum += value * value;
  }
  squares[thread] = sum;
  __syncthreads();
  sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += squares[own * kVectorStride + i * kLaneStride];
  const double norm = sqrt(sum), most = attributes.maxValue;
  const double wanted = attributes.kind == ConstraintKind::UnitNorm ? 1 : most < norm ? most : norm;
  const double factor = wanted / (1e-7 + norm);
  for (int64_t i = lane; i < length; i += kLanes) {
    float& value = elements[i * vectors.inner];
    value = static_cast<float>(static_cast<double>(value) * factor);
  }
}

int32_t runConstrain(const OpCall& call) noexcept {
  const auto& attributes = call.attr<ConstraintAttributes>();
  const Shape& shape = call.out[constrain::kWeights].shape;
  float* w = output(call, constrain::kWeights);
  if (shape.elements() == 0) return 0;
  if (attributes.kind == ConstraintKind::NonNeg)
    return forEach(call, shape.elements(),
                   [=] __device__(int64_t i) { w[i] = w[i] < 0 ? 0.0f : w[i]; });
  const Vectors vectors(shape, attributes.axis);
  const bool sideBySide = vectors.inner >= 8;
  const int64_t perBlock = sideBySide ? 32 : kThreads / 32;
  const Grid grid{dim3(static_cast<unsigned>(divideUp(vectors.count, perBlock))), dim3(kThreads)};
  return launch(call, sideBySide ? vectorKernel<true> : vectorKernel<false>, grid, attributes,
                vectors, w);
}

}  // namespace

Kernel constrainKernel() { return {.name = "cuda.constrain", .launch = runConstrain}; }

}  // namespace sluice::cuda
