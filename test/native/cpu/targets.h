// Runs a test body on every instruction set of this machine.
#pragma once

#include <gtest/gtest.h>

#include "cpu/simd.h"
#include "hwy/highway.h"

namespace sluice::test {

template <typename F>
void onEveryTarget(F&& body) {
  const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t rest = targets; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
    hwy::SetSupportedTargetsForTest(0);
  }
}

}  // namespace sluice::test
