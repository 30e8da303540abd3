// Names a packed form of weights: what a kernel makes of its parameters once for each snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct PackedKey {
  std::string what;              // the layer, whose options the form may depend on
  const void* kernel = nullptr;  // that made it
  std::vector<int32_t> parameters = {};
  int32_t form = 0;  // Kernel::packedForm
  size_t bytes = 0;

  bool operator==(const PackedKey&) const = default;
};

}  // namespace sluice
