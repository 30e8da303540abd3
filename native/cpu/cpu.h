// The CPU backend: SIMD kernels for every instruction set in one binary, BLAS and OpenMP.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cpu/blas.h"
#include "engine/backend/backend.h"

namespace sluice {

// Throws DEVICE_UNAVAILABLE where the linked BLAS cannot be trusted.
std::unique_ptr<Backend> makeCpuBackend();

// What this build found on this machine, also where the backend cannot run.
struct CpuInfo {
  std::string target;                // the instruction set that kernels use
  std::vector<std::string> targets;  // those that are compiled and run here, best first
  std::vector<std::string> unused;   // those that run here and are not compiled
  cpu::blas::Info blas;
};
CpuInfo cpuInfo();

}  // namespace sluice
