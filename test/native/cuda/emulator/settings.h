// What the environment asks of the emulator. Read at each use, so that a test can change it.
#pragma once

#include <cstddef>
#include <vector>

namespace sluice::emulator {

// SLUICE_EMULATOR_ORDER: in which order things go between which a program may rely on none.
enum class Order { Forward, Backward, Random };
Order order();

// Numbers 0 to count - 1, in the order that was asked for when it was made.
class Sequence {
 public:
  explicit Sequence(int count);
  const std::vector<int>& next();  // each time another one where the order is random

 private:
  Order order_;
  std::vector<int> numbers_;
};
void restartRandomOrder();  // from here on the same as the last time

bool lateStreams();       // SLUICE_EMULATOR_STREAMS: late (the default) or immediate
size_t memoryBytes();     // SLUICE_EMULATOR_MEMORY, of each device
int deviceCount();        // SLUICE_EMULATOR_DEVICES
int computeCapability();  // SLUICE_EMULATOR_CAPABILITY: 80, 86, 89, 90, 100, 120

}  // namespace sluice::emulator
