// The seam between engine and backends. A backend is a table of kernels, one entry an op; adding an
// op or a backend changes no other file than the table it belongs to.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/backend/kernel.h"

namespace sluice {

using KernelTable = std::array<Kernel, static_cast<size_t>(Op::Count)>;

class Device;

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const std::string& name() const = 0;  // "cpu"
  virtual const std::string& description()
      const = 0;  // for devices(): SIMD target, BLAS and its build
  // The instruction set that its kernels use: "AVX2".
  virtual const std::string& target() const = 0;
  // Kernels for float tensors of this dtype; nullptr where the backend has none.
  virtual const KernelTable* kernels(DType real) const = 0;
  // Null, or why it does not compute so.
  virtual const char* whyNot(Precision precision) const {
    return precision == Precision::Float32 ? nullptr : "it computes in float32 alone";
  }
  // Null where tensors lie in the host's memory. Else kernels read and write memory of this device
  // and put their work into RunContext::queue.
  virtual const Device* device() const { return nullptr; }
  virtual std::string statusText(int32_t status) const {
    return "status " + std::to_string(status);
  }
};

// What a launch that returned `status`, not 0, ends in: OUT_OF_MEMORY where a device has none left
// (the first launch of a kernel takes some), else INTERNAL. `what`: "the update failed".
[[noreturn]] void failLaunch(const Backend& backend, int32_t status, const std::string& what,
                             const std::string& layer = "");

// The kernel of an op on float32 tensors; UNSUPPORTED where the backend has none.
const Kernel& requireKernel(const Backend& backend, Op op);

// All backends of the process, in order of preference. The composition root (the addon, a test's
// main) adds those that are compiled in before anything runs, libraries when they are asked for.
// What was added stays for ever. Any thread.
class BackendRegistry {
 public:
  static BackendRegistry& instance();
  void add(std::unique_ptr<Backend> backend);
  // Records why a backend is not there, for devices() and for DEVICE_UNAVAILABLE: 'cuda' or, where
  // others of the kind are there, 'cuda:1'.
  void addUnavailable(std::string name, std::string reason);
  // 'cuda' is 'cuda:0'. Null if absent.
  const Backend* find(const std::string& name) const;
  // One that can be used: starts its device. Throws DEVICE_UNAVAILABLE with the reason.
  const Backend& require(const std::string& name) const;
  // Whether a backend, or a device of it, was added under this name, or why there is none.
  bool knows(const std::string& name) const;

  struct Unavailable {
    std::string name;
    std::string reason;
  };
  std::vector<const Backend*> all() const;
  std::vector<Unavailable> unavailable() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::vector<Unavailable> unavailable_;
};

}  // namespace sluice
