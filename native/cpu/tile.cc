#include "cpu/tile.h"

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/tile.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/tile-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

#define SLUICE_ROW(g)                                                     \
  if constexpr (kGroups > g) {                                            \
    const auto value = hn::Set(d, a##g[at]);                              \
    c##g##0 = hn::MulAdd(value, b0, c##g##0);                             \
    if constexpr (kVectors > 1) c##g##1 = hn::MulAdd(value, b1, c##g##1); \
    if constexpr (kVectors > 2) c##g##2 = hn::MulAdd(value, b2, c##g##2); \
  }

#define SLUICE_A_OF_ROW(g) \
  const float* HWY_RESTRICT a##g = args.a + (g < kGroups ? g : 0) * args.lda;

template <int kGroups, int kVectors>
void MultiplyRows(const TileArgs& args) {
  const Floats d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  SLUICE_EACH_GROUP(SLUICE_LOAD)
  SLUICE_EACH_GROUP(SLUICE_A_OF_ROW)
  const float* HWY_RESTRICT b = args.b;
  const int64_t aStep = args.aStep;
  const int64_t bStep = args.bStep;
  int64_t at = 0;
  for (int64_t left = args.k; left > 0; --left) {
    const auto b0 = hn::LoadU(d, b);
    const auto b1 = hn::LoadU(d, b + (kVectors > 1 ? lanes : 0));
    const auto b2 = hn::LoadU(d, b + (kVectors > 2 ? 2 * lanes : 0));
    SLUICE_EACH_GROUP(SLUICE_ROW)
    at += aStep;
    b += bStep;
  }
  SLUICE_EACH_GROUP(SLUICE_STORE)
}

struct Float32 {
  using Type = float;
  static HWY_INLINE hn::Vec<Floats> Load(const float* p) { return hn::LoadU(Floats(), p); }
};

template <int kGroups>
void MultiplyPanels(const TileArgs& args) {
  MultiplyPanelsOf<Float32, kGroups>(args, args.b);
}

#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kRows = 8;  // thirty-two registers
#else
constexpr int kRows = 4;
#endif

template <int kVectors>
void FillRows(TileKernel (&rows)[kMaxTileRows]) {
  rows[0] = MultiplyRows<1, kVectors>;
  rows[1] = MultiplyRows<2, kVectors>;
  rows[2] = MultiplyRows<3, kVectors>;
  rows[3] = MultiplyRows<4, kVectors>;
  if constexpr (kRows > 4) {
    rows[4] = MultiplyRows<5, kVectors>;
    rows[5] = MultiplyRows<6, kVectors>;
    rows[6] = MultiplyRows<7, kVectors>;
    rows[7] = MultiplyRows<8, kVectors>;
  }
}

TileKernels Kernels() {
  TileKernels kernels{};
  kernels.lanes = static_cast<int64_t>(hn::Lanes(Floats()));
  kernels.maxRows = kRows;
  FillRows<1>(kernels.rows[0]);
  FillRows<2>(kernels.rows[1]);
  FillRows<3>(kernels.rows[2]);
  kernels.panels[0] = MultiplyPanels<1>;
  kernels.panels[1] = MultiplyPanels<2>;
  kernels.panels[2] = MultiplyPanels<3>;
  kernels.panels[3] = MultiplyPanels<4>;
  return kernels;
}

// Made when a process first asks on this target, shared by all threads.
const TileKernels* Shared() {
  static const TileKernels kernels = Kernels();
  return &kernels;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cpu {

HWY_EXPORT(Shared);

const TileKernels& tileKernels() noexcept { return *HWY_DYNAMIC_DISPATCH(Shared)(); }

}  // namespace sluice::cpu
#endif
