// Weights brought back to what a constraint allows, one vector along the axis after the other.
#include "cuda/kernels.h"
#include "cuda/lines.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

int32_t runConstrain(const OpCall& call) noexcept {
  const auto& attributes = call.attr<ConstraintAttributes>();
  const Shape& shape = call.out[constrain::kWeights].shape;
  float* w = output(call, constrain::kWeights);
  if (shape.elements() == 0) return 0;
  if (attributes.kind == ConstraintKind::NonNeg)
    return forEach(call, shape.elements(),
                   [=] __device__(int64_t i) { w[i] = w[i] < 0 ? 0.0f : w[i]; });
  const Lines vectors(shape, attributes.axis);
  return forEachGroup(call, vectors.groups(),
                      [=] __device__(const Team& team, int64_t vector, int64_t members) {
                        float* own = w + vectors.first(vector);
                        const double norm = sqrt(sumOf(team, members, [&](int64_t i) {
                          const auto value = static_cast<double>(own[i * vectors.inner]);
                          return value * value;
                        }));
                        const double most = attributes.maxValue;
                        const double wanted = attributes.kind == ConstraintKind::UnitNorm ? 1
                                              : most < norm                               ? most
                                                                                          : norm;
                        const double factor = wanted / (1e-7 + norm);
                        for (int64_t i = team.lane(); i < members; i += team.lanes()) {
                          float& value = own[i * vectors.inner];
                          value = static_cast<float>(static_cast<double>(value) * factor);
                        }
                      });
}

}  // namespace

Kernel constrainKernel() { return {.name = "cuda.constrain", .launch = runConstrain}; }

}  // namespace sluice::cuda
