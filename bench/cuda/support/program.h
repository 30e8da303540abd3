// The main functions of what is written in CUDA.
#pragma once

#include "support/machine.h"
#include "support/report.h"
#include "support/timing.h"

namespace bench {

inline bool hasDevice() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return true;
  std::fprintf(stderr, "nothing measured: %s\n",
               status == cudaSuccess ? "there is no CUDA device" : cudaGetErrorString(status));
  return false;
}

// `measure(machine, report)` adds rows.
template <typename Measure>
int runProgram(int argc, char** argv, const char* conditions, Measure&& measure) {
  const Options options = readOptions(argc, argv);
  if (!hasDevice()) return kNoDevice;
  return runReport(options, conditions, [&](Report& report) {
    const Machine machine;
    report.describe("machine", machine.json());
    measure(machine, report);
  });
}

}  // namespace bench
