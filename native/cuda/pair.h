// Two calls at once, of kernels that are series of launches.
#pragma once

#include "cuda/stream.h"

namespace sluice::cuda {

// A Kernel's launchPair: the second call goes into the stream beside that of the first. In a
// recording both are branches of one graph.
template <int32_t (*kLaunch)(const OpCall&) noexcept>
int32_t launchPair(const OpCall& first, const OpCall& second) noexcept {
  Stream& stream = streamOf(first);
  Stream* beside = stream.beside();
  if (beside == nullptr) {
    const int32_t status = kLaunch(first);
    return status != 0 ? status : kLaunch(second);
  }
  RunContext context = *second.context;
  context.queue = beside;
  OpCall other = second;
  other.context = &context;
  if (const int32_t status = beside->follow(stream)) return status;
  int32_t status = kLaunch(first);
  if (status == 0) status = kLaunch(other);
  // In any case: a recording ends in one stream.
  const int32_t joined = stream.follow(*beside);
  return status != 0 ? status : joined;
}

}  // namespace sluice::cuda
