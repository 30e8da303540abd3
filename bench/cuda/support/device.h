// Device functions of the experiments: clocks, waiting that ends, and PTX for shared memory,
// barriers and clusters.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace bench {

__device__ __forceinline__ unsigned long long nanoseconds() {
  unsigned long long now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now)::"memory");
  return now;
}

// From thread 0 of a block, around what is measured.
struct Interval {
  long long clocks;
  unsigned long long nanoseconds;
};
class IntervalClock {
 public:
  __device__ __forceinline__ void start() {
    nanoseconds_ = bench::nanoseconds();
    clocks_ = clock64();
  }
  __device__ __forceinline__ Interval stop() const {
    const long long clocks = clock64() - clocks_;
    return {clocks, bench::nanoseconds() - nanoseconds_};
  }

 private:
  long long clocks_ = 0;
  unsigned long long nanoseconds_ = 0;
};

// Waiting that ends: after about a second, or when another thread has given up. `failed` is device
// memory; who gives up writes it, and then waits for nothing any more, so that the barriers of the
// block still match and the kernel comes to its end.
class Patience {
 public:
  __device__ explicit Patience(int* failed) : failed_(failed) {}

  // Until `isThere()` is true, or patience is lost.
  template <typename IsThere>
  __device__ __forceinline__ void waitFor(IsThere&& isThere) {
    if (isLost_) return;
    uint32_t turns = 0;
    long long start = 0;
    while (!isThere()) {
      if ((++turns & 1023u) != 0) continue;
      const long long now = clock64();
      if (start == 0) start = now;
      isLost_ = mustGiveUp(failed_, now - start > kClocks);
      if (isLost_) return;
    }
  }

 private:
  // Apart, and by value: what a thread knows of itself shall stay in registers.
  static __device__ __noinline__ bool mustGiveUp(int* failed, bool isLate) {
    if (isLate) atomicExch(failed, 1);
    return isLate || *static_cast<volatile int*>(failed) != 0;
  }

  static constexpr long long kClocks = 2000000000;
  int* failed_;
  bool isLost_ = false;
};

__device__ __forceinline__ uint32_t sharedAddress(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// --- global memory, seen by all blocks of the device without fences: each word speaks for itself
// --

__device__ __forceinline__ uint4 loadRelaxed(const uint4* from) {
  uint4 v;
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from)
               : "memory");
  return v;
}
__device__ __forceinline__ uint32_t loadRelaxed(const uint32_t* from) {
  uint32_t v;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
}
__device__ __forceinline__ void storeRelaxed(uint4* to, uint4 v) {
  asm volatile("st.relaxed.gpu.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(to), "r"(v.x), "r"(v.y),
               "r"(v.z), "r"(v.w)
               : "memory");
}
__device__ __forceinline__ void storeRelaxed(uint32_t* to, uint32_t v) {
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(v) : "memory");
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

// --- clusters -----------------------------------------------------------------------------------

__device__ __forceinline__ uint32_t clusterRank() {
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ __forceinline__ uint32_t clusterSize() {
  uint32_t size;
  asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
  return size;
}
__device__ __forceinline__ void clusterBarrier() {
  asm volatile(
      "barrier.cluster.arrive.release.aligned;\n\t"
      "barrier.cluster.wait.acquire.aligned;" ::
          : "memory");
}
// The address, in the shared memory of another block of the cluster, of what lies at `address`
// here.
__device__ __forceinline__ uint32_t addressIn(uint32_t address, uint32_t rank) {
  uint32_t there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(rank));
  return there;
}
__device__ __forceinline__ void storeCluster(uint32_t address, uint4 v) {
  asm volatile("st.shared::cluster.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(address), "r"(v.x), "r"(v.y),
               "r"(v.z), "r"(v.w)
               : "memory");
}
// Stores in another block's shared memory, and tells a barrier there of the bytes that came.
__device__ __forceinline__ void storeAsync(uint32_t address, uint4 v, uint32_t barrier) {
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1,%2,%3,%4}, [%5];" ::
          "r"(address),
      "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(barrier)
      : "memory");
}
__device__ __forceinline__ void storeAsync(uint32_t address, uint32_t v, uint32_t barrier) {
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(address),
      "r"(v), "r"(barrier)
      : "memory");
}
// Likewise, a copy of `bytes` (a multiple of 16) made by the copy engine.
__device__ __forceinline__ void copyBulk(uint32_t to, uint32_t from, uint32_t bytes,
                                         uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], [%1], %2, "
      "[%3];" ::"r"(to),
      "r"(from), "r"(bytes), "r"(barrier)
      : "memory");
}
// What this thread wrote to shared memory, before the copy engine or the tensor cores read it.
__device__ __forceinline__ void fenceProxy() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// --- barriers in shared memory that count bytes -------------------------------------------------

__device__ __forceinline__ void initBarrier(uint64_t* barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(barrier)),
               "r"(arrivals)
               : "memory");
}
__device__ __forceinline__ void fenceBarrierInit() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void expectBytes(uint64_t* barrier, uint32_t bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(barrier)),
      "r"(bytes)
      : "memory");
}
__device__ __forceinline__ bool isPhaseOver(uint64_t* barrier, uint32_t parity) {
  uint32_t isOver;
  asm volatile(
      "{\n\t.reg .pred p;\n\t"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n\t"
      "selp.u32 %0, 1, 0, p;\n\t}"
      : "=r"(isOver)
      : "r"(sharedAddress(barrier)), "r"(parity)
      : "memory");
  return isOver != 0;
}

#endif

}  // namespace bench
