// Takes the place of glibc's malloc, in the way that glibc offers: what is defined here in a
// program is called by its libraries as well, operator new included.
#include "support/allocations.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLUICE_ALLOCATOR_TAKEN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define SLUICE_ALLOCATOR_TAKEN 1
#endif

namespace {
std::atomic<size_t> allocations{0}, allocatedBytes{0};
}  // namespace

namespace sluice::test {

Allocations allocationsSoFar() { return {allocations.load(), allocatedBytes.load()}; }

}  // namespace sluice::test

#if SLUICE_ALLOCATOR_TAKEN
bool sluice::test::canCountAllocations() { return false; }
#else
bool sluice::test::canCountAllocations() { return true; }

#define SLUICE_EXPORT extern "C" __attribute__((visibility("default")))
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* block, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {
void count(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocatedBytes.fetch_add(bytes, std::memory_order_relaxed);
}
}  // namespace

SLUICE_EXPORT void* malloc(size_t bytes) {
  count(bytes);
  return __libc_malloc(bytes);
}
SLUICE_EXPORT void* calloc(size_t items, size_t bytes) {
  count(items * bytes);
  return __libc_calloc(items, bytes);
}
SLUICE_EXPORT void* realloc(void* block, size_t bytes) {
  count(bytes);
  return __libc_realloc(block, bytes);
}
SLUICE_EXPORT void* memalign(size_t alignment, size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}
SLUICE_EXPORT void* aligned_alloc(size_t alignment, size_t bytes) {
  return memalign(alignment, bytes);
}
SLUICE_EXPORT int posix_memalign(void** block, size_t alignment, size_t bytes) {
  *block = memalign(alignment, bytes);
  return *block == nullptr ? ENOMEM : 0;
}
#endif
