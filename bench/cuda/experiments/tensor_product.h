// What the two experiments with tensor cores have in common: small whole numbers, whose sums
// float32 holds exactly, and how fast and how right a kernel was.
#pragma once

#include <string>
#include <vector>

#include "support/device.h"
#include "support/program.h"

namespace tensor_product {

using namespace bench;

constexpr int kSteps = 2000;
constexpr int kRepeats = 11;

// Elements of A [rows,K] and B [K,columns]: -2 to 2. Sums over 256 of them and kSteps stay below
// 2^24.
__device__ __host__ inline int elementA(int row, int k) { return (row * 7 + k * 3) % 5 - 2; }
__device__ __host__ inline int elementB(int k, int column) { return (k * 11 + column * 5) % 5 - 2; }

// Such a number as bfloat16, and two of them, the first in the lower half.
__device__ __host__ inline uint32_t bfloat16(int value) {
  const uint32_t size = value == 0 ? 0 : value * value == 1 ? 0x3f80 : 0x4000;
  return value < 0 ? 0x8000 | size : size;
}
__device__ __host__ inline uint32_t pair(int low, int high) {
  return bfloat16(low) | bfloat16(high) << 16;
}

// The operand A of a block as its threads hold it in registers, [tiles of rows][tiles of
// K][4][thread]: in register i two elements along K, of row firstRow(thread) + 8 (i % 2) of the
// tile and from column 2 (thread % 4) + 8 (i / 2) on.
template <typename FirstRow>
std::vector<uint32_t> fragmentsOfA(int threads, int tilesOfRows, int rowsOfTile, int tilesOfDepth,
                                   FirstRow&& firstRow) {
  std::vector<uint32_t> out;
  for (int m = 0; m < tilesOfRows; ++m) {
    for (int t = 0; t < tilesOfDepth; ++t) {
      for (int i = 0; i < 4; ++i) {
        for (int thread = 0; thread < threads; ++thread) {
          const int row = firstRow(thread) + m * rowsOfTile + i % 2 * 8;
          const int k = t * 16 + thread % 4 * 2 + i / 2 * 8;
          out.push_back(pair(elementA(row, k), elementA(row, k + 1)));
        }
      }
    }
  }
  return out;
}

// A run: every block computes kSteps times the same product, [rows,K] by [K,columns].
struct Case {
  std::string instruction;
  std::string operands;  // where A and B are
  int rows;              // of a block
  int depth;             // K
  int columns;
  int depthOfB;  // what k of B is taken modulo
  int registers;
};

// `launch(a, out, clocks, blocks)`: a as above, out [blocks][rows][columns], clocks [blocks].
template <typename Launch>
void measureCase(Report& report, const Machine& machine, const Case& c,
                 const std::vector<uint32_t>& fragments, Launch&& launch) {
  const int blocks = machine.multiprocessors();
  const size_t count = static_cast<size_t>(c.rows) * static_cast<size_t>(c.columns);
  Buffer<float> out(count * static_cast<size_t>(blocks));
  Buffer<long long> clocks(static_cast<size_t>(blocks));
  Buffer<uint32_t> a(fragments.size());
  a.put(fragments.data());
  std::vector<float> expected(count);
  for (int row = 0; row < c.rows; ++row) {
    for (int column = 0; column < c.columns; ++column) {
      int sum = 0;
      for (int k = 0; k < c.depth; ++k) sum += elementA(row, k) * elementB(k % c.depthOfB, column);
      expected[static_cast<size_t>(row * c.columns + column)] = static_cast<float>(sum * kSteps);
    }
  }
  std::vector<double> perStep;
  std::vector<float> got(out.count());
  bool valid = true;
  for (int repeat = -2; repeat < kRepeats && valid; ++repeat) {
    out.fillBytes(0xff);
    launch(a.data(), out.data(), clocks.data(), blocks);
    checkLaunch(c.instruction.c_str());
    synchronize(c.instruction.c_str());
    out.get(got.data());
    for (size_t i = 0; i < got.size(); ++i) valid = valid && got[i] == expected[i % count];
    if (repeat < 0) continue;
    std::vector<long long> took(static_cast<size_t>(blocks));
    clocks.get(took.data());
    for (const long long block : took) perStep.push_back(static_cast<double>(block) / kSteps);
  }
  const Spread step = spreadOf(perStep);
  const double macs = static_cast<double>(c.rows) * c.depth * c.columns / step.median;
  const Rates* rates = machine.rates();
  report.add({{"instruction", text(c.instruction)},
              {"operands", text(c.operands)},
              {"rows", integer(c.rows)},
              {"depth", integer(c.depth)},
              {"columns", integer(c.columns)},
              {"registers", integer(c.registers)},
              {"stepClocks", json(step)},
              {"macsPerClock", number(valid ? macs : NAN)},
              {"shareOfPeak", number(valid && rates ? macs / rates->half : NAN)}},
             valid);
}

}  // namespace tensor_product
