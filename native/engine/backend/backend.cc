#include "engine/backend/backend.h"

#include "engine/core/error.h"

namespace sluice {

const char* opName(Op op) {
  static constexpr const char* kNames[] = {"dense",
                                           "denseBackward",
                                           "activation",
                                           "activationBackward",
                                           "gru",
                                           "gruBackward",
                                           "lstm",
                                           "lstmBackward",
                                           "simpleRnn",
                                           "simpleRnnBackward",
                                           "minGru",
                                           "minGruBackward",
                                           "convolution",
                                           "convolutionBackward",
                                           "depthwiseConvolution",
                                           "depthwiseConvolutionBackward",
                                           "pooling",
                                           "poolingBackward",
                                           "headProduct",
                                           "attentionWeights",
                                           "attentionWeightsBackward",
                                           "additiveScores",
                                           "additiveScoresBackward",
                                           "reverse",
                                           "concat",
                                           "split",
                                           "merge",
                                           "mergeBackward",
                                           "elementwise",
                                           "elementwiseBackward",
                                           "reduce",
                                           "reduceBackward",
                                           "slice",
                                           "sliceBackward",
                                           "dropout",
                                           "scaleSteps",
                                           "normalize",
                                           "normalizeBackward",
                                           "maskAnd",
                                           "maskSteps",
                                           "stepMask",
                                           "embedding",
                                           "embeddingBackward",
                                           "permute",
                                           "repeat",
                                           "repeatBackward",
                                           "softmax",
                                           "softmaxBackward",
                                           "unitLength",
                                           "unitLengthBackward",
                                           "layerNorm",
                                           "layerNormBackward",
                                           "moments",
                                           "batchNorm",
                                           "batchNormBackward",
                                           "movingAverage",
                                           "add",
                                           "broadcast",
                                           "sumRows",
                                           "loss",
                                           "metric",
                                           "penalty",
                                           "optimize",
                                           "constrain"};
  static_assert(std::size(kNames) == static_cast<size_t>(Op::Count));
  return op < Op::Count ? kNames[static_cast<size_t>(op)] : "unknown";
}

BackendRegistry& BackendRegistry::instance() {
  // Never destroyed: runs may still be under way while the process exits.
  static BackendRegistry* registry = new BackendRegistry;
  return *registry;
}

void BackendRegistry::add(std::unique_ptr<Backend> backend) {
  if (find(backend->name()) == nullptr) backends_.push_back(std::move(backend));
}

void BackendRegistry::addUnavailable(std::string name, std::string reason) {
  unavailable_.push_back({std::move(name), std::move(reason)});
}

const Backend* BackendRegistry::find(const std::string& name) const {
  for (const auto& backend : backends_)
    if (backend->name() == name) return backend.get();
  return nullptr;
}

const Backend& BackendRegistry::require(const std::string& name) const {
  if (const Backend* backend = find(name)) return *backend;
  std::string known;
  for (const auto& backend : backends_)
    known += (known.empty() ? "'" : ", '") + backend->name() + "'";
  std::string why = "is unknown";
  for (const auto& missing : unavailable_)
    if (missing.name == name) why = "is not available: " + missing.reason;
  fail(Code::DeviceUnavailable, cat("device '", name, "' ", why, "; there is ", known),
       {.option = "device", .expected = known, .received = name});
}

}  // namespace sluice
