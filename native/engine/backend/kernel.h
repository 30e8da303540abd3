// How a backend runs one op: plain data and functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backend/op.h"

namespace sluice {

// How a kernel would run a call, for people: explain() shows it.
struct KernelChoice {
  const char* split = nullptr;  // what its threads share out: "rows", "columns", "elements"...
  int32_t threads = 1;          // of the processor; the engine says 0 of a device with its own
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
  // Two calls at once, sharing the threads or the device. Null: one after the other. They do not
  // depend on each other, but that the second may read output pairOutput of the first as its input
  // pairInput.
  int32_t (*launchPair)(const OpCall&, const OpCall&) noexcept = nullptr;
  int32_t pairOutput = -1;
  int32_t pairInput = -1;
  // Null: one thread, and nothing to say about it.
  KernelChoice (*describe)(const OpCall&) noexcept = nullptr;
};

}  // namespace sluice
