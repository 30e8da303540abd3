// Holds the kernels of every fast backend to the reference in double: tests that are written once.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "support/devices.h"
#include "support/launch.h"

namespace sluice::test {

Case misaligned(const Case& c, int elements);

// A test of each backend that this build has and this machine can use.
class FastBackend : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override;

  const Backend& device() const { return backend(GetParam()); }
  bool isCpu() const;
  // On the CPU backend on every instruction set of the machine, elsewhere once.
  void onEveryTarget(const std::function<void()>& body) const;
  // On every target and for aligned and odd addresses.
  void expectAgreement(const Case& c, double bound) const;
  // The same bits on any number of threads; where those of a device are emulated, in any order.
  void expectNoThreadsEffect(const Case& c) const;
};

#define SLUICE_ON_FAST_BACKENDS(Suite) \
  INSTANTIATE_TEST_SUITE_P(, Suite, testing::Values("cpu", "cuda"), deviceName)

}  // namespace sluice::test
