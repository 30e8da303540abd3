// A function with a stack of its own that can stop in the middle and go on later.
#pragma once

#include <cstddef>

namespace sluice::emulator {

class Fiber {
 public:
  // `body` runs again and again, once for each time that it returned and resume() is called. Fibers
  // are never destroyed: a block takes those of the one before it.
  Fiber(void (*body)(void*), void* argument);
  Fiber(const Fiber&) = delete;

  void resume();  // until it pauses, or the body returns
  void pause();   // called by the body

 private:
  friend void runFiber();

  void (*body_)(void*);
  void* argument_;
  std::byte* stack_;
  void* own_;               // where it stopped
  void* caller_ = nullptr;  // where who resumed it goes on
  // What sanitizers want to know of a stack that is left.
  void* ownStackState_ = nullptr;
  const void* callerStack_ = nullptr;
  size_t callerStackBytes_ = 0;
  void* ownThread_ = nullptr;
  void* callerThread_ = nullptr;
};

}  // namespace sluice::emulator
