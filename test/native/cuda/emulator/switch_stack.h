// From one stack to another, without the system call that swapcontext makes.
#pragma once

#include <cstddef>

namespace sluice::emulator {

// A point on a new stack at which switchStack() calls `entry`, which must not return.
void* newStackPoint(std::byte* stack, size_t bytes, void (*entry)());

// Leaves the point where it is in `save`, and goes on at `load`.
void switchStack(void** save, void* load);

}  // namespace sluice::emulator
