// SLUICE_TARGET: which instruction set a name asks for.
#include "cpu/target.h"

#include <gtest/gtest.h>

#include "cpu/targets.h"

namespace sluice::cpu {
namespace {

// The least of those that are compiled: scalar loops, or what every processor of the family has.
constexpr int64_t kLeast = [] {
  int64_t rest = HWY_TARGETS;
  while ((rest & (rest - 1)) != 0) rest &= rest - 1;
  return rest;
}();
constexpr int64_t kScalar = HWY_TARGETS & (HWY_SCALAR | HWY_EMU128);

Error failureOf(const std::string& name, int64_t here) {
  try {
    targetNamed(name, here);
  } catch (const Error& error) {
    return error;
  }
  return {Code::Internal, "no error"};
}

TEST(CpuTarget, KnowsTheNamesOfHighway) {
  for (int64_t rest = HWY_TARGETS; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    EXPECT_EQ(targetNamed(hwy::TargetName(target), HWY_TARGETS), target);
    EXPECT_EQ(targetNamed(hwy::TargetName(target), target), target);
  }
}

TEST(CpuTarget, KnowsOtherNamesInAnyCase) {
  for (const char* name : {"scalar", "emu128"}) {
    if (kScalar != 0)
      EXPECT_EQ(targetNamed(name, HWY_TARGETS), kScalar);
    else
      EXPECT_NE(std::string(failureOf(name, HWY_TARGETS).what()).find("has no kernels"),
                std::string::npos);
  }
#if HWY_ARCH_X86
  EXPECT_EQ(targetNamed("avx512", HWY_TARGETS), HWY_AVX3);
  EXPECT_EQ(targetNamed("avx2", HWY_TARGETS), HWY_AVX2);
  EXPECT_EQ(targetNamed("Sse4", HWY_TARGETS), HWY_SSE4);
#endif
}

TEST(CpuTarget, RefusesWhatIsUnknown) {
  for (const char* name : {"AVX9", "unknown", "AVX2 ", "-", "AVX2,SSE4"}) {
    const Error error = failureOf(name, kLeast);
    EXPECT_EQ(error.code(), Code::DeviceUnavailable) << name;
    EXPECT_EQ(error.details().option, "SLUICE_TARGET");
    EXPECT_EQ(error.details().received, name);
    EXPECT_EQ(error.details().expected, hwy::TargetName(kLeast));
    EXPECT_NE(std::string(error.what()).find(name), std::string::npos);
  }
}

#if HWY_ARCH_X86
TEST(CpuTarget, SaysWhetherMachineOrBuildLacksIt) {
  const Error machine = failureOf("avx2", kLeast | HWY_SSE4);
  EXPECT_EQ(machine.code(), Code::DeviceUnavailable);
  EXPECT_EQ(std::string(machine.what()),
            std::string("SLUICE_TARGET=avx2: this machine lacks it; here run SSE4, ") +
                hwy::TargetName(kLeast));
  // Compiled out in cpu/simd.h, though this machine may run it.
  const Error build = failureOf("SSSE3", HWY_TARGETS);
  EXPECT_EQ(build.code(), Code::DeviceUnavailable);
  EXPECT_NE(std::string(build.what()).find("this build has no kernels for it"), std::string::npos);
}
#endif

TEST(CpuTarget, TestsRunOnTheOneInUse) {
  const Targets& found = targets();
  EXPECT_FALSE(found.here.empty());
  EXPECT_FALSE(found.failure);
  EXPECT_EQ(found.inUse, found.forced ? hwy::TargetName(hwy::SupportedTargets() & HWY_TARGETS)
                                      : found.here.front());
}

}  // namespace
}  // namespace sluice::cpu
