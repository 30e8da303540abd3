#include "engine/backend/library.h"

#include <dlfcn.h>

#include <mutex>
#include <utility>

#include "engine/backend/device.h"
#include "engine/core/error.h"

namespace sluice {
namespace {

// A device of such a library.
class LibraryBackend final : public Backend {
 public:
  LibraryBackend(const BackendLibrary& library, int32_t index)
      : device_(library, index), name_(device_.name()) {
    DeviceDescription description;
    device_.check(library.describe(index, &description), "describe itself");
    description_ = cat(description.name, ", ", description.description);
    target_ = description.target;
    for (size_t op = 0; op < table_.size(); ++op)
      if (const Kernel* kernel = library.kernel(index, opName(static_cast<Op>(op))))
        table_[op] = *kernel;
  }

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  const std::string& target() const override { return target_; }
  const KernelTable* kernels(DType real) const override {
    return real == DType::Float32 ? &table_ : nullptr;
  }
  const char* whyNot(Precision precision) const override { return device_.whyNot(precision); }
  std::string statusText(int32_t status) const override { return device_.statusText(status); }
  const Device* device() const override { return &device_; }

 private:
  Device device_;
  std::string name_, description_, target_;
  KernelTable table_{};
};

// A library, or why the file is none.
struct Opened {
  const BackendLibrary* library = nullptr;
  std::string reason;
};

Opened open(const std::string& file, const std::string& version) {
  // Local: what is inside must not answer for another library's symbols.
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* error = dlerror();
    const std::string why = error ? error : "cannot be loaded";
    // The system names the file that it was asked for, as the place does.
    return {.reason = why.starts_with(file + ": ") ? why.substr(file.size() + 2) : why};
  }
  const auto entry = reinterpret_cast<BackendEntry>(dlsym(handle, kBackendSymbol));
  if (entry == nullptr)
    return {.reason = cat("is no backend: it has no function ", kBackendSymbol)};
  const BackendLibrary* library = entry();
  if (library == nullptr) return {.reason = "gives no table of functions"};
  if (library->abi != kBackendAbi)
    return {.reason =
                cat("speaks version ", library->abi, " of the interface, this is ", kBackendAbi)};
  if (library->version == nullptr || library->version != version)
    return {.reason = cat("is of sluice ", library->version ? library->version : "?", ", this is ",
                          version)};
  return {.library = library, .reason = ""};
}

// Empty, or why there is no device at all.
std::string addDevices(BackendRegistry& registry, const std::string& name,
                       const BackendLibrary& library) {
  char reason[1024] = {};
  const int32_t devices = library.probe(reason, sizeof reason);
  if (devices <= 0) return reason[0] != '\0' ? reason : "there is no device";
  for (int32_t i = 0; i < devices; ++i) {
    try {
      registry.add(std::make_unique<LibraryBackend>(library, i));
    } catch (const Error& error) {
      registry.addUnavailable(cat(name, ":", i), error.what());
    }
  }
  return "";
}

}  // namespace

std::vector<LibraryAttempt> addLibrary(BackendRegistry& registry, const std::string& name,
                                       const std::vector<LibraryPlace>& places,
                                       const std::string& version) {
  static std::mutex opening;
  const std::lock_guard lock(opening);
  if (registry.knows(name)) return {};
  std::vector<LibraryAttempt> attempts;
  std::string reasons;
  bool found = false;
  for (const LibraryPlace& place : places) {
    LibraryAttempt& attempt = attempts.emplace_back();
    attempt.reason = place.reason;
    if (!place.file.empty() && found) attempt.status = LibraryAttempt::NotTried;
    if (!place.file.empty() && !found) {
      const Opened opened = open(place.file, version);
      found = opened.library != nullptr;
      attempt.status = found ? LibraryAttempt::Taken : LibraryAttempt::Failed;
      // Where a machine has no such device, another library would not find one either.
      attempt.reason = found ? addDevices(registry, name, *opened.library) : opened.reason;
      if (found && !attempt.reason.empty()) registry.addUnavailable(name, attempt.reason);
    }
    reasons += cat(reasons.empty() ? "" : "; ", place.name, ": ", attempt.reason);
  }
  if (!found)
    registry.addUnavailable(name, reasons.empty() ? "no place to look for its library" : reasons);
  return attempts;
}

}  // namespace sluice
