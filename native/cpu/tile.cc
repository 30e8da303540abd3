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
    if constexpr (kVectors > 3) c##g##3 = hn::MulAdd(value, b3, c##g##3); \
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
    const auto b3 = hn::LoadU(d, b + (kVectors > 3 ? 3 * lanes : 0));
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
constexpr int kRowsWide = 6;
#else
constexpr int kRows = 4;
constexpr int kRowsWide = 3;
#endif

template <int kVectors, int kMost, int kGroups = 1>
void FillRows(TileKernel (&rows)[kMaxTileRows]) {
  rows[kGroups - 1] = MultiplyRows<kGroups, kVectors>;
  if constexpr (kGroups < kMost) FillRows<kVectors, kMost, kGroups + 1>(rows);
}

TileKernels Kernels() {
  TileKernels kernels{};
  kernels.lanes = static_cast<int64_t>(hn::Lanes(Floats()));
  kernels.maxRows = kRows;
  kernels.maxRowsWide = kRowsWide;
  FillRows<1, kRows>(kernels.rows[0]);
  FillRows<2, kRows>(kernels.rows[1]);
  FillRows<3, kRows>(kernels.rows[2]);
  FillRows<4, kRowsWide>(kernels.rows[3]);
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
