// Which backend runs each op of a bound plan.
#include <map>

#include "engine/plan/bound.h"

namespace sluice {
namespace {

std::string reasonAgainst(const Backend& backend, DType real, const OpCall& call) {
  const KernelTable* table = backend.kernels(real);
  const Kernel* kernel = table ? &(*table)[static_cast<size_t>(call.op)] : nullptr;
  if (kernel == nullptr || kernel->launch == nullptr)
    return cat(backend.name(), " has no kernel for ", opName(call.op));
  const char* why = kernel->whyNot ? kernel->whyNot(call) : nullptr;
  return why ? why : "";
}

}  // namespace

// The device first. What it refuses runs on the host: the CPU backend where the device has memory
// of its own (else that is the device), at last the reference.
void BoundPlan::chooseBackends() {
  const BackendRegistry& registry = BackendRegistry::instance();
  std::vector<const Backend*> choices{&device_};
  if (device_.device() != nullptr) choices.push_back(registry.find("cpu"));
  choices.push_back(registry.find("reference"));
  std::erase(choices, nullptr);

  RunContext context;
  context.threads = threads_;
  context.precision = precision_;
  std::vector<size_t> chosen(ops_.size(), 0);
  std::vector<std::vector<std::string>> reasons(ops_.size());
  const auto accept = [&](size_t i) {  // moves on from the choice of now until one can
    const size_t before = chosen[i];
    for (; chosen[i] < choices.size(); ++chosen[i]) {
      if (reasons[i].size() > chosen[i]) continue;  // refused before
      const std::string why =
          reasonAgainst(*choices[chosen[i]], plan_->request.real, call(i, context));
      if (why.empty()) break;
      reasons[i].push_back(why);
    }
    return chosen[i] != before;
  };
  // Only the backend that wrote an opaque value can read it: an op that cannot run on the device
  // takes along those that share one with it.
  std::map<ValueId, size_t> opaque;
  std::map<ValueId, std::string> because;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < ops_.size(); ++i) {
      accept(i);
      for (const auto* ids : {&plan_->ops[i].in, &plan_->ops[i].out})
        for (const ValueId id : *ids) {
          if (id == kNoValue || !plan_->values[static_cast<size_t>(id)].opaque) continue;
          size_t& shared = opaque[id];
          if (chosen[i] > shared) {
            shared = chosen[i];
            because[id] = reasons[i].front();
            changed = true;
          } else if (chosen[i] < shared) {
            while (reasons[i].size() < shared) reasons[i].push_back(because[id]);
            chosen[i] = shared;
            changed = true;
          }
        }
    }
  }
  for (size_t i = 0; i < ops_.size(); ++i) {
    const PlanOp& op = plan_->ops[i];
    BoundOp& bound = ops_[i];
    if (chosen[i] > 0) bound.fallback = reasons[i].front();
    if (chosen[i] == choices.size())
      fail(Code::Unsupported,
           cat(op.layer, ": ", opName(op.op), " cannot run on ", device_.name(), ": ",
               bound.fallback),
           {.layer = op.layer, .option = "device", .received = device_.name()});
    bound.backend = choices[chosen[i]];
    bound.kernel = &(*bound.backend->kernels(plan_->request.real))[static_cast<size_t>(op.op)];
    if (strict_ && chosen[i] > 0)
      fail(Code::Unsupported,
           cat(op.layer, ": ", opName(op.op), " does not run on the fast path of '", device_.name(),
               "': ", bound.fallback),
           {.layer = op.layer, .option = "strict", .received = bound.kernel->name});
  }
}

bool BoundPlan::hasHostOps() const {
  if (device_.device() == nullptr) return false;
  for (const BoundOp& op : ops_)
    if (op.backend != &device_) return true;
  return false;
}

}  // namespace sluice
