// The GRUs that cuDNN and Sluice are measured with, the most important first, and what their
// results are held against.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "support/json.h"

namespace bench {

enum class Numbers { Float32, TensorFloat32, BFloat16, Float16 };
constexpr const char* kNumbersNames[] = {"fp32", "tf32", "bf16", "fp16"};

// How far a result may be from the one in double, over the largest value of the tensor.
constexpr double kTolerance[] = {2e-5, 5e-3, 6e-2, 1e-2};
inline double toleranceOf(Numbers numbers) { return kTolerance[static_cast<int>(numbers)]; }

// B rows, T steps, I features, H units.
struct GruSizes {
  int batch, steps, features, units;
};

// What each algorithm is checked with: H fits all of them, and so does the time of plain loops.
constexpr GruSizes kCheckedSizes = {8, 12, 128, 128};

struct GruCase {
  GruSizes sizes;
  Numbers numbers;
  int algorithm;  // of the library, in the order of their importance
  int rank;
};

// Every shape with all kinds of numbers and algorithms, by the sum of the places that each of these
// has in its list. The first shapes are those that training steps are compared with elsewhere
// (bench/cases.mjs, pytorch.py); the others have I = H and T = 100.
inline std::vector<GruCase> gruCases(int algorithms) {
  constexpr int kUnits[] = {512, 256, 1024, 128, 64, 2048};
  constexpr int kBatches[] = {64, 32, 128, 8, 1, 256, 512};
  constexpr Numbers kNumbers[] = {Numbers::BFloat16, Numbers::Float32, Numbers::TensorFloat32,
                                  Numbers::Float16};
  std::vector<GruCase> cases;
  const auto add = [&](GruSizes sizes, int rank) {
    for (int n = 0; n < 4; ++n)
      for (int a = 0; a < algorithms; ++a) cases.push_back({sizes, kNumbers[n], a, rank + n + a});
  };
  add({32, 100, 10, 64}, 0);
  add({64, 100, 512, 1024}, 0);
  for (int h = 0; h < 6; ++h)
    for (int b = 0; b < 7; ++b) add({kBatches[b], 100, kUnits[h], kUnits[h]}, h + b);
  std::stable_sort(cases.begin(), cases.end(),
                   [](const GruCase& a, const GruCase& b) { return a.rank < b.rank; });
  return cases;
}

// Multiply-adds of the matrix products; backward has twice forward's.
inline double forwardMacs(const GruSizes& s) {
  return 3.0 * s.batch * s.steps * s.units * (s.features + s.units);
}

inline std::vector<Member> describe(const GruCase& c) {
  return {{"numbers", text(kNumbersNames[static_cast<int>(c.numbers)])},
          {"batch", integer(c.sizes.batch)},
          {"steps", integer(c.sizes.steps)},
          {"features", integer(c.sizes.features)},
          {"units", integer(c.sizes.units)}};
}

}  // namespace bench
