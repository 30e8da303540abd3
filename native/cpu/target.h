// Which instruction set the kernels use: the best that is compiled and that this machine has, or
// the one that the environment variable SLUICE_TARGET names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace sluice::cpu {

// The bit of the instruction set that `name` asks for, among those in `here` (Highway's bits, of
// which HWY_TARGETS are compiled): a
// name of Highway's ("AVX3", "AVX2", "SSE4", "SCALAR", "NEON"), "AVX512", in any case.
// DEVICE_UNAVAILABLE for any other name and for an instruction set that this build or this machine
// lacks; the message says which of these, and which there are.
int64_t targetNamed(std::string_view name, int64_t here);

struct Targets {
  std::string inUse;                  // empty where SLUICE_TARGET cannot be met
  std::optional<std::string> forced;  // the value of SLUICE_TARGET
  std::optional<Error> failure;       // why it cannot be met
  std::vector<std::string> here;      // compiled and running here, best first
  std::vector<std::string> unused;    // running here, not compiled
};

// Looks at the machine and the environment at the first call, which must come before any kernel
// runs; from then on kernels use `inUse`.
const Targets& targets();

}  // namespace sluice::cpu
