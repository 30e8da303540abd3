// Which GPUs this library can use, and why not the others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backend/abi.h"

namespace sluice::cuda {

// The number of those whose kind can be used, or 0 and the reason. Opens none.
int32_t probe(char* reason, size_t reasonBytes) noexcept;
// The runtime's number of the one with this index.
int32_t deviceAt(int32_t index) noexcept;
// Opens it, which takes some of its memory, and finds out whether its kernels run there.
int32_t start(int32_t index) noexcept;
int32_t describe(int32_t index, DeviceDescription* description) noexcept;

}  // namespace sluice::cuda
