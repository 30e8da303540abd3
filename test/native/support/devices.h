// Tests that are written once for several backends.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace sluice::test {

// The name of each test tells the backend: that of a GPU can be chosen by it.
inline std::string deviceName(const testing::TestParamInfo<const char*>& info) {
  return info.param;
}

}  // namespace sluice::test
