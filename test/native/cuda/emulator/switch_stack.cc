#include "switch_stack.h"

#if defined(__x86_64__)

// The registers that a function must preserve, pushed on the stack; the point is its top.
asm(R"(
  .text
  .p2align 4
  .hidden sluice_switch_stack
  .globl sluice_switch_stack
  .type sluice_switch_stack, @function
sluice_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size sluice_switch_stack, . - sluice_switch_stack
)");

extern "C" void sluice_switch_stack(void** save, void* load);

namespace sluice::emulator {

void* newStackPoint(std::byte* stack, size_t bytes, void (*entry)()) {
  // Six registers, the address that `ret` goes to, and a null one for who walks the stack.
  void** top = reinterpret_cast<void**>(stack + bytes) - 8;
  for (int i = 0; i < 8; ++i) top[i] = nullptr;
  top[6] = reinterpret_cast<void*>(entry);
  return top;
}

void switchStack(void** save, void* load) { sluice_switch_stack(save, load); }

}  // namespace sluice::emulator

#else

#include <ucontext.h>

#include <new>

namespace sluice::emulator {

void* newStackPoint(std::byte* stack, size_t bytes, void (*entry)()) {
  // It is used once, so it may lie where the stack ends that will overwrite it.
  auto* context = new (stack) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = stack;
  context->uc_stack.ss_size = bytes;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

void switchStack(void** save, void* load) {
  ucontext_t here;
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t*>(load));
}

}  // namespace sluice::emulator

#endif
