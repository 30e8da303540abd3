// The CPU backend: SIMD kernels for every instruction set in one binary, BLAS and OpenMP.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpu/blas.h"
#include "engine/backend/backend.h"

namespace sluice {

// Throws DEVICE_UNAVAILABLE where the linked BLAS cannot be trusted, and as requireCpuTarget.
std::unique_ptr<Backend> makeCpuBackend();

// Throws DEVICE_UNAVAILABLE where SLUICE_TARGET names no instruction set that this build and this
// machine have.
void requireCpuTarget();

// What this build found on this machine, also where the backend cannot run.
struct CpuInfo {
  std::string target;  // the instruction set that kernels use; empty where SLUICE_TARGET is not met
  std::optional<std::string> forced;  // the value of SLUICE_TARGET
  std::vector<std::string> targets;   // those that are compiled and run here, best first
  std::vector<std::string> unused;    // those that run here and are not compiled
  cpu::blas::Info blas;
};
CpuInfo cpuInfo();

}  // namespace sluice
