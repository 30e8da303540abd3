// What a backend in a shared library of its own answers to: one function, which gives a table of
// plain functions. Nothing of the C++ library crosses the border; structures do, as both sides are
// compiled from these headers, and `abi` is raised when one of them changes. An op more changes
// nothing: kernels are asked for by name.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backend/kernel.h"

namespace sluice {

constexpr int32_t kBackendAbi = 2;
constexpr const char* kBackendSymbol = "sluice_backend";

// What functions of a library return: 0, kOutOfMemory, or a number that statusText explains.
constexpr int32_t kOutOfMemory = 1;

struct DeviceDescription {
  char name[256] = {};         // "NVIDIA H100 80GB HBM3"
  char description[256] = {};  // for devices(): compute capability, memory, versions
  char target[32] = {};        // what its kernels are compiled for: "sm_90"
};

// A queue runs what is put into it in order, while the caller goes on. It belongs to one thread at
// a time. What is put into a queue that records is not run but kept.
struct BackendLibrary {
  int32_t abi = kBackendAbi;
  const char* version = nullptr;  // of the package that it was built from
  const char* name = nullptr;     // "cuda": devices are named cuda:0, cuda:1...

  // How many devices there are, or 0 with the reason. Called once, before everything else. Takes
  // nothing of the devices.
  int32_t (*probe)(char* reason, size_t reasonBytes) noexcept = nullptr;
  int32_t (*describe)(int32_t device, DeviceDescription* description) noexcept = nullptr;
  // What a device needs before it can be used, such as memory for its driver; or what keeps it from
  // that. Called before there are memory and queues of it; again where it failed.
  int32_t (*start)(int32_t device) noexcept = nullptr;
  // Null where there is no such kernel. Of one real type: Float32.
  const Kernel* (*kernel)(int32_t device, const char* op) noexcept = nullptr;
  // Null, or why the device cannot compute so.
  const char* (*whyNotPrecision)(int32_t device, Precision precision) noexcept = nullptr;
  void (*statusText)(int32_t status, char* text, size_t textBytes) noexcept = nullptr;

  int32_t (*allocate)(int32_t device, size_t bytes, void** memory) noexcept = nullptr;
  int32_t (*release)(int32_t device, void* memory) noexcept = nullptr;
  // Host memory that is copied from and to at full speed, while others run.
  int32_t (*allocateHost)(int32_t device, size_t bytes, void** memory) noexcept = nullptr;
  int32_t (*releaseHost)(int32_t device, void* memory) noexcept = nullptr;
  int32_t (*memoryInfo)(int32_t device, size_t* free, size_t* total) noexcept = nullptr;

  int32_t (*openQueue)(int32_t device, void** queue) noexcept = nullptr;
  int32_t (*closeQueue)(void* queue) noexcept = nullptr;
  int32_t (*copyIn)(void* queue, void* device, const void* host, size_t bytes) noexcept = nullptr;
  int32_t (*copyOut)(void* queue, void* host, const void* device, size_t bytes) noexcept = nullptr;
  int32_t (*copyWithin)(void* queue, void* to, const void* from, size_t bytes) noexcept = nullptr;
  int32_t (*fill)(void* queue, void* device, int32_t byte, size_t bytes) noexcept = nullptr;
  // Waits until everything is done; tells what failed since the last time.
  int32_t (*synchronize)(void* queue) noexcept = nullptr;
  // What comes next into `queue` waits for what is in `other` now. Several threads may make theirs
  // wait for one that nobody puts anything into.
  int32_t (*follow)(void* queue, void* other) noexcept = nullptr;
  int32_t (*beginRecording)(void* queue) noexcept = nullptr;
  // `recording` stays null where something failed in between.
  int32_t (*endRecording)(void* queue, void** recording) noexcept = nullptr;
  int32_t (*replay)(void* queue, void* recording) noexcept = nullptr;
  int32_t (*releaseRecording)(void* recording) noexcept = nullptr;
};

using BackendEntry = const BackendLibrary* (*)();

}  // namespace sluice
