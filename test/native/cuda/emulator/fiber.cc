#include "fiber.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "sanitizers.h"
#include "switch_stack.h"

#if SLUICE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if SLUICE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace sluice::emulator {
namespace {

constexpr size_t kStackBytes = size_t{256} << 10;  // virtual: only what is touched costs memory
constexpr size_t kGuardBytes = size_t{64} << 10;

// Address space whose lowest part may not be touched, so that an overflow is a crash.
std::byte* allocateStack() {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) {
    std::fprintf(stderr, "CUDA emulator: no memory for the stack of a fiber\n");
    std::abort();
  }
  return static_cast<std::byte*>(memory) + kGuardBytes;
}

Fiber* starting = nullptr;  // what runFiber, which takes no argument, is to run

#if SLUICE_ASAN
void leave(void** state, const void* stack, size_t bytes) {
  __sanitizer_start_switch_fiber(state, stack, bytes);
}
void arrive(void* state, const void** stack, size_t* bytes) {
  __sanitizer_finish_switch_fiber(state, stack, bytes);
}
#else
void leave(void**, const void*, size_t) {}
void arrive(void*, const void**, size_t*) {}
#endif

#if SLUICE_TSAN
void* newThread() { return __tsan_create_fiber(0); }
void* thisThread() { return __tsan_get_current_fiber(); }
void becomeThread(void* thread) { __tsan_switch_to_fiber(thread, 0); }
#else
void* newThread() { return nullptr; }
void* thisThread() { return nullptr; }
void becomeThread(void*) {}
#endif

}  // namespace

void runFiber() {
  Fiber* self = starting;
  arrive(nullptr, &self->callerStack_, &self->callerStackBytes_);
  for (;;) {
    self->body_(self->argument_);
    self->pause();
  }
}

Fiber::Fiber(void (*body)(void*), void* argument)
    : body_(body),
      argument_(argument),
      stack_(allocateStack()),
      own_(newStackPoint(stack_, kStackBytes, runFiber)),
      ownThread_(newThread()) {}

void Fiber::resume() {
  starting = this;
  void* stackState = nullptr;
  callerThread_ = thisThread();
  leave(&stackState, stack_, kStackBytes);
  becomeThread(ownThread_);
  switchStack(&caller_, own_);
  arrive(stackState, nullptr, nullptr);
}

void Fiber::pause() {
  leave(&ownStackState_, callerStack_, callerStackBytes_);
  becomeThread(callerThread_);
  switchStack(&own_, caller_);
  arrive(ownStackState_, &callerStack_, &callerStackBytes_);
}

}  // namespace sluice::emulator
