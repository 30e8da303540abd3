#include "settings.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>

namespace sluice::emulator {
namespace {

std::string text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

long long number(const char* name, long long otherwise) {
  const std::string value = text(name);
  return value.empty() ? otherwise : std::strtoll(value.c_str(), nullptr, 10);
}

constexpr unsigned kSeed = 20240229;
std::mt19937 generator(kSeed);

}  // namespace

Order order() {
  const std::string value = text("SLUICE_EMULATOR_ORDER");
  if (value == "backward") return Order::Backward;
  if (value == "random") return Order::Random;
  return Order::Forward;
}

Sequence::Sequence(int count) : order_(order()), numbers_(static_cast<size_t>(count)) {
  std::iota(numbers_.begin(), numbers_.end(), 0);
  if (order_ == Order::Backward) std::reverse(numbers_.begin(), numbers_.end());
}

const std::vector<int>& Sequence::next() {
  if (order_ == Order::Random) std::shuffle(numbers_.begin(), numbers_.end(), generator);
  return numbers_;
}

void restartRandomOrder() { generator.seed(kSeed); }

bool lateStreams() { return text("SLUICE_EMULATOR_STREAMS") != "immediate"; }

size_t memoryBytes() { return static_cast<size_t>(number("SLUICE_EMULATOR_MEMORY", 1LL << 30)); }

int deviceCount() { return static_cast<int>(number("SLUICE_EMULATOR_DEVICES", 1)); }

int computeCapability() { return static_cast<int>(number("SLUICE_EMULATOR_CAPABILITY", 90)); }

}  // namespace sluice::emulator
