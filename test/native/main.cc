// The native tests' composition root: registers the backends that this build has.
#include <gtest/gtest.h>

#include <cstdio>
#include <exception>

#include "engine/backend/backend.h"
#include "reference/reference.h"
#if SLUICE_CPU
#include "cpu/cpu.h"
#endif

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  auto& registry = sluice::BackendRegistry::instance();
#if SLUICE_CPU
  // SLUICE_TARGET keeps the tests to one instruction set.
  try {
    registry.add(sluice::makeCpuBackend());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
#endif
  registry.add(sluice::makeReferenceBackend());
  return RUN_ALL_TESTS();
}
