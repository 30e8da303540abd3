// The arguments of a call, by position.
#pragma once

#include "engine/backend/op.h"

namespace sluice::cuda {

// Null where the argument is absent.
template <typename T = float>
const T* input(const OpCall& call, int i) {
  return i < call.inCount && call.in[i].present() ? call.in[i].as<const T>() : nullptr;
}
template <typename T = float>
T* output(const OpCall& call, int i) {
  return i < call.outCount && call.out[i].present() ? call.out[i].as<T>() : nullptr;
}

}  // namespace sluice::cuda
