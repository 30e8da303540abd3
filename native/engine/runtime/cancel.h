// Stops runs: set from any thread, looked at between ops and by long kernels.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/core/error.h"

namespace sluice {

class CancelToken {
 public:
  void cancel() { flag_.store(1, std::memory_order_relaxed); }
  bool cancelled() const { return flag_.load(std::memory_order_relaxed) != 0; }
  const std::atomic<int32_t>* flag() const { return &flag_; }
  void check() const {
    if (cancelled()) fail(Code::Aborted, "the call was aborted");
  }

 private:
  std::atomic<int32_t> flag_{0};
};

}  // namespace sluice
