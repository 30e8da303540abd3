#include "engine/backend/backend.h"

#include "engine/backend/abi.h"
#include "engine/backend/device.h"
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

const char* precisionName(Precision precision) {
  switch (precision) {
    case Precision::Float32:
      return "float32";
    case Precision::TensorFloat32:
      return "tf32";
    case Precision::BFloat16:
      return "bfloat16";
    case Precision::Float16:
      return "float16";
  }
  return "unknown";
}

void failLaunch(const Backend& backend, int32_t status, const std::string& what,
                const std::string& layer) {
  fail(backend.device() && status == kOutOfMemory ? Code::OutOfMemory : Code::Internal,
       cat(what, ": ", backend.statusText(status)), {.layer = layer});
}

const Kernel& requireKernel(const Backend& backend, Op op) {
  const KernelTable* table = backend.kernels(DType::Float32);
  if (table != nullptr && (*table)[static_cast<size_t>(op)].launch != nullptr)
    return (*table)[static_cast<size_t>(op)];
  fail(Code::Unsupported, cat(backend.name(), " has no kernel for ", opName(op)),
       {.option = "device", .received = backend.name()});
}

// 'cuda' is 'cuda:0'.
static bool answersTo(const std::string& device, const std::string& name) {
  return device == name || device == name + ":0";
}

BackendRegistry& BackendRegistry::instance() {
  // Never destroyed: runs may still be under way while the process exits.
  static BackendRegistry* registry = new BackendRegistry;
  return *registry;
}

void BackendRegistry::add(std::unique_ptr<Backend> backend) {
  if (find(backend->name()) != nullptr) return;
  const std::lock_guard lock(mutex_);
  backends_.push_back(std::move(backend));
}

void BackendRegistry::addUnavailable(std::string name, std::string reason) {
  const std::lock_guard lock(mutex_);
  unavailable_.push_back({std::move(name), std::move(reason)});
}

std::vector<const Backend*> BackendRegistry::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<const Backend*> backends;
  for (const auto& backend : backends_) backends.push_back(backend.get());
  return backends;
}

std::vector<BackendRegistry::Unavailable> BackendRegistry::unavailable() const {
  const std::lock_guard lock(mutex_);
  return unavailable_;
}

const Backend* BackendRegistry::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& backend : backends_)
    if (answersTo(backend->name(), name)) return backend.get();
  return nullptr;
}

bool BackendRegistry::knows(const std::string& name) const {
  if (find(name) != nullptr) return true;
  for (const Unavailable& missing : unavailable())
    if (answersTo(missing.name, name)) return true;
  return false;
}

const Backend& BackendRegistry::require(const std::string& name) const {
  const Backend* backend = find(name);
  std::string why = "is unknown";
  if (backend != nullptr) {
    why = backend->device() != nullptr ? backend->device()->start() : "";
    if (why.empty()) return *backend;
    why = cat("(", backend->description(), ") cannot be used: ", why);
  }
  std::string known;
  for (const Backend* other : all())
    if (other != backend) known += cat(known.empty() ? "'" : ", '", other->name(), "'");
  // 'cuda:1' is not there for the reason why 'cuda' is not.
  for (const Unavailable& missing : unavailable())
    if (answersTo(missing.name, name) || missing.name == name.substr(0, name.find(':')))
      why = "is not available: " + missing.reason;
  fail(Code::DeviceUnavailable, cat("device '", name, "' ", why, "; there is ", known),
       {.option = "device", .expected = known, .received = name});
}

}  // namespace sluice
