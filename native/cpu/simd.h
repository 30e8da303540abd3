// The instruction sets that are compiled. Include before any header of Highway.
#pragma once

// Scalar is the baseline. SSSE3 and the Ice Lake form of AVX-512 bring these kernels nothing, and
// SVE vectors cannot be members of a struct.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
