// The native tests' composition root: registers the backends that this build has.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/backend/library.h"
#include "reference/reference.h"
#if SLUICE_CPU
#include "cpu/cpu.h"
#endif

namespace {

// The CUDA backend on a GPU where there is one, else compiled for the processor: the same sources
// on an emulated device. SLUICE_CUDA_PATH names another library.
void addCuda(sluice::BackendRegistry& registry) {
  std::vector<std::string> files;
  if (const char* file = std::getenv("SLUICE_CUDA_PATH")) files = {file};
#ifdef SLUICE_CUDA_LIBRARY
  if (files.empty()) files.push_back(SLUICE_CUDA_LIBRARY);
#endif
#ifdef SLUICE_CUDA_EMULATED
  files.push_back(SLUICE_CUDA_EMULATED);
#endif
  for (const std::string& file : files) {
    sluice::BackendRegistry found;
    sluice::addLibrary(found, "cuda", {{file, file, ""}}, SLUICE_VERSION);
    if (const sluice::Backend* device = found.find("cuda")) {
      std::fprintf(stderr, "cuda: %s\n", device->description().c_str());
      sluice::addLibrary(registry, "cuda", {{file, file, ""}}, SLUICE_VERSION);
      return;
    }
    for (const auto& missing : found.unavailable())
      std::fprintf(stderr, "no cuda: %s\n", missing.reason.c_str());
  }
}

}  // namespace

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
  addCuda(registry);
  return RUN_ALL_TESTS();
}
