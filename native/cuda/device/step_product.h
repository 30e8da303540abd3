// The product of a recurrence's step: rows of what stands before it with packed columns, tile by
// tile. Its sums stay in shared memory, where the rest of the step takes them.
//
// The order of a sum depends on the depth alone: slices of kSliceBytes of it are summed from the
// first to the last element, then the sums of the slices likewise. Where a tile has several ways,
// each takes every kWays-th slice. So tiles can differ, and a row's bits do not.
#pragma once

#include "cuda/device/formats.h"

namespace sluice::cuda {

constexpr int kSliceBytes = 128;

template <typename Operand>
struct StepFactors {
  const Operand* rows;     // [count][depth], which begin on boundaries of 16 bytes
  const Operand* columns;  // the tiles, one after the other
  int64_t count;
  int32_t depth;  // a multiple of 16 bytes; 0: there is nothing to multiply, sums are 0
  int32_t ld;     // from one row to the next
};

template <class Tile>
class StepProduct {
 public:
  using Operand = typename Tile::Format::Operand;
  static constexpr int kStages = 2;
  static constexpr int kParts = kSliceBytes / Tile::kPartBytes;
  static constexpr int kElements = Tile::kPartBytes / static_cast<int>(sizeof(Operand));
  static constexpr int kStageBytes = Tile::kRows * Tile::kRowBytes + Tile::kColumnBytes;
  static constexpr int kSumBytes = Tile::kRows * Tile::kColumns * 4;
  // With one way the sums take the place of the factors in the end. With several they stand beside
  // them, and so do what the ways bring.
  static constexpr int kSharedBytes = Tile::kWays > 1
                                          ? kStages* kStageBytes + (Tile::kWays + 1) * kSumBytes
                                      : kStages* kStageBytes > kSumBytes ? kStages* kStageBytes
                                                                         : kSumBytes;

  __device__ StepProduct(const StepFactors<Operand>& factors, int64_t rowTile, int64_t unitTile,
                         unsigned char* shared)
      : rows_(factors.rows + rowTile * Tile::kRows * factors.ld),
        columns_(factors.columns + unitTile * Tile::kColumns * factors.depth),
        rowCount_(static_cast<int>(factors.count - rowTile * Tile::kRows < Tile::kRows
                                       ? factors.count - rowTile * Tile::kRows
                                       : Tile::kRows)),
        depth_(factors.depth),
        ld_(factors.ld),
        slices_((factors.depth * static_cast<int>(sizeof(Operand)) + kSliceBytes - 1) /
                kSliceBytes),
        stages_((slices_ + Tile::kWays - 1) / Tile::kWays * kParts),
        shared_(shared) {}

  __device__ int rowCount() const { return rowCount_; }

  // The first stages' columns, which do not depend on the kernels in front; then their rows.
  __device__ void loadFirstColumns() const {
    for (int stage = 0; stage < kStages; ++stage) loadColumns(stage);
  }
  __device__ void loadFirstRows() const {
    for (int stage = 0; stage < kStages; ++stage) {
      loadRows(stage);
      commitCopies();
    }
  }

  // [kRows][kGates][kUnits], for all threads to read.
  __device__ const float* run() const {
    Tile part, total;
    total.clear();
    float* const sums = Tile::kWays > 1 ? this->sums() : reinterpret_cast<float*>(shared_);
    if constexpr (Tile::kWays > 1)
      for (int i = threadIdx.x; i < kSumBytes / 4; i += Tile::kThreads) sums[i] = 0;
    for (int round = 0; round < stages_ / kParts; ++round) {
      part.clear();
      for (int stage = round * kParts; stage < (round + 1) * kParts; ++stage) {
        waitCopies<kStages - 1>();
        __syncthreads();
        const unsigned char* factors = buffer(stage);
        part.multiply(factors, factors + Tile::kRows * Tile::kRowBytes);
        __syncthreads();
        loadColumns(stage + kStages);
        loadRows(stage + kStages);
        commitCopies();
      }
      if constexpr (Tile::kWays > 1)
        addWays(part, round);
      else
        total.add(part);
    }
    if constexpr (Tile::kWays == 1) total.store(sums);
    __syncthreads();
    return sums;
  }

 private:
  __device__ float* sums() const {
    return reinterpret_cast<float*>(shared_ + kStages * kStageBytes);
  }
  __device__ unsigned char* buffer(int stage) const {
    return shared_ + stage % kStages * kStageBytes;
  }
  // The first element of a way's part in a stage.
  static __device__ int first(int stage, int way) {
    return (stage / kParts * Tile::kWays + way) * (kParts * kElements) + stage % kParts * kElements;
  }

  __device__ void loadColumns(int stage) const {
    if (stage >= stages_) return;
    unsigned char* to = buffer(stage) + Tile::kRows * Tile::kRowBytes;
    // With several ways the threads of each bring its part.
    constexpr int kMembers = Tile::kThreads / Tile::kWays;
    const int way = threadIdx.x / kMembers;
    Tile::loadColumns(columns_, way, first(stage, way), depth_, to, threadIdx.x % kMembers,
                      kMembers);
  }

  __device__ void loadRows(int stage) const {
    if (stage >= stages_) return;
    constexpr int kChunks = Tile::kPartBytes / 16, kMembers = Tile::kThreads / Tile::kWays;
    const int way = threadIdx.x / kMembers, member = threadIdx.x % kMembers;
    unsigned char* to = buffer(stage) + way * Tile::kPartBytes;
    const int begin = first(stage, way);
    for (int c = member; c < Tile::kRows * kChunks; c += kMembers) {
      const int row = c / kChunks;
      const int k = begin + c % kChunks * (16 / static_cast<int>(sizeof(Operand)));
      const bool valid = row < rowCount_ && k < depth_;
      copyAsync16(to + row * Tile::kRowBytes + c % kChunks * 16,
                  valid ? rows_ + row * ld_ + k : rows_, valid);
    }
  }

  // One slice of each way, in the order of the slices.
  __device__ void addWays(const Tile& part, int round) const {
    float* const sums = this->sums();
    constexpr int kSums = kSumBytes / 4;
    part.store(sums + (1 + Tile::way()) * kSums);
    __syncthreads();
    const int left = slices_ - round * Tile::kWays;
    const int ways = left < Tile::kWays ? left : Tile::kWays;
    for (int i = threadIdx.x; i < kSums; i += Tile::kThreads) {
      float sum = sums[i];
      for (int way = 1; way <= ways; ++way) sum += sums[way * kSums + i];
      sums[i] = sum;
    }
  }

  const Operand* rows_;
  const Operand* columns_;
  int rowCount_, depth_, ld_, slices_, stages_;
  unsigned char* shared_;
};

}  // namespace sluice::cuda
