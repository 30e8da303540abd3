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

struct Opened {
  const BackendLibrary* library = nullptr;
  int32_t devices = 0;
  std::string reason;  // where there is nothing to use
};

Opened open(const std::string& file, const std::string& version) {
  // Local: what is inside must not answer for another library's symbols.
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return {.reason = why ? why : "cannot be loaded"};
  }
  const auto entry = reinterpret_cast<BackendEntry>(dlsym(handle, kBackendSymbol));
  if (entry == nullptr)
    return {.reason = cat(file, " is not a backend: it has no function ", kBackendSymbol)};
  const BackendLibrary* library = entry();
  if (library == nullptr) return {.reason = cat(file, " gives no table of functions")};
  if (library->abi != kBackendAbi)
    return {.reason = cat(file, " speaks version ", library->abi, " of the interface, this is ",
                          kBackendAbi)};
  if (library->version == nullptr || library->version != version)
    return {.reason = cat(file, " is of sluice ", library->version ? library->version : "?",
                          ", this is ", version)};
  char reason[1024] = {};
  const int32_t devices = library->probe(reason, sizeof reason);
  if (devices > 0) return {library, devices, ""};
  return {library, 0, reason[0] != '\0' ? reason : "there is no device"};
}

}  // namespace

void addLibrary(BackendRegistry& registry, const std::string& name,
                const std::vector<LibraryPlace>& places, const std::string& version) {
  static std::mutex opening;
  const std::lock_guard lock(opening);
  if (registry.knows(name)) return;
  std::string reasons;
  for (const LibraryPlace& place : places) {
    std::string reason = place.reason;
    if (!place.file.empty()) {
      const Opened opened = open(place.file, version);
      try {
        for (int32_t i = 0; i < opened.devices; ++i)
          registry.add(std::make_unique<LibraryBackend>(*opened.library, i));
        if (opened.devices > 0) return;
        reason = opened.reason;
      } catch (const Error& error) {
        reason = error.what();
      }
      // The machine has no such device: another library would not find one either.
      if (opened.library != nullptr) {
        registry.addUnavailable(name, reason);
        return;
      }
    }
    reasons += cat(reasons.empty() ? "" : "; ", place.name, ": ", reason);
  }
  registry.addUnavailable(name, reasons.empty() ? "no place to look for its library" : reasons);
}

}  // namespace sluice
