// The seam between engine and backends. A backend is a table of kernels, one entry an op; adding an
// op or a backend changes no other file than the table it belongs to.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/op.h"

namespace sluice {

// How a kernel would run a call, for people: explain() shows it.
struct KernelChoice {
  const char* split = nullptr;  // what its threads share out: "rows", "columns", "elements"...
  int32_t threads = 1;
  const char* how =
      nullptr;         // whose matrix products, and which of several ways; nullptr: no choice
  double flop = 0;     // of its matrix products, a multiplication and an addition being two
  double seconds = 0;  // it should take; 0: not known
  // Why it does not go the best of the kernel's ways, for calls like it; nullptr: it does. A detour
  // costs little; one that costs much is whyNot's business.
  const char* detour = nullptr;
};

// How a backend runs one op. All functions but `launch` may read shapes and attributes only.
struct Kernel {
  const char* name = nullptr;  // shown by explain(); nullptr: the op is not there
  // Null where this call can run, else why not. Null pointer: everything is supported.
  const char* (*whyNot)(const OpCall&) noexcept = nullptr;
  size_t (*scratchBytes)(const OpCall&) noexcept = nullptr;
  size_t (*reserveBytes)(const OpCall&) noexcept = nullptr;  // of an opaque output
  // Parameters in a form of the kernel's own, made once per weights snapshot. The size depends on
  // parameter shapes and attributes alone. Null or 0: not used.
  size_t (*packedBytes)(const OpCall&) noexcept = nullptr;
  void (*pack)(const OpCall&, void* packed) noexcept = nullptr;
  // Which of its forms, where attributes decide that and runs with different ones share a snapshot.
  // Null: it has one.
  int32_t (*packedForm)(const OpCall&) noexcept = nullptr;
  // 0, or a status that Backend::statusText explains.
  int32_t (*launch)(const OpCall&) noexcept = nullptr;
  // Two calls at once, sharing the threads. Null: one after the other. They do not depend on each
  // other, but that the second may read output pairOutput of the first as its input pairInput.
  int32_t (*launchPair)(const OpCall&, const OpCall&) noexcept = nullptr;
  int32_t pairOutput = -1;
  int32_t pairInput = -1;
  // Null: one thread, and nothing to say about it.
  KernelChoice (*describe)(const OpCall&) noexcept = nullptr;
};

using KernelTable = std::array<Kernel, static_cast<size_t>(Op::Count)>;

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
  virtual std::string statusText(int32_t status) const {
    return "status " + std::to_string(status);
  }
};

// All backends of the process, in order of preference. Filled once by the composition root (the
// addon, a test's main) before anything runs; read-only afterwards.
class BackendRegistry {
 public:
  static BackendRegistry& instance();
  void add(std::unique_ptr<Backend> backend);
  // Records why a backend is not there, for devices() and for DEVICE_UNAVAILABLE.
  void addUnavailable(std::string name, std::string reason);
  const Backend* find(const std::string& name) const;  // nullptr if absent
  // Throws DEVICE_UNAVAILABLE with the recorded reason.
  const Backend& require(const std::string& name) const;

  struct Unavailable {
    std::string name;
    std::string reason;
  };
  const std::vector<std::unique_ptr<Backend>>& all() const { return backends_; }
  const std::vector<Unavailable>& unavailable() const { return unavailable_; }

 private:
  std::vector<std::unique_ptr<Backend>> backends_;
  std::vector<Unavailable> unavailable_;
};

}  // namespace sluice
