// The native tests' composition root: registers the backends that this build has.
#include <gtest/gtest.h>

#include "engine/backend/backend.h"
#include "reference/reference.h"
#if SLUICE_CPU
#include "cpu/cpu.h"
#endif

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  auto& registry = sluice::BackendRegistry::instance();
#if SLUICE_CPU
  registry.add(sluice::makeCpuBackend());
#endif
  registry.add(sluice::makeReferenceBackend());
  return RUN_ALL_TESTS();
}
