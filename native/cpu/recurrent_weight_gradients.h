// The gradients of a GRU's kernel, recurrent kernel and bias: sums over all rows and steps.
//
// A task is one block of units with all its gates against a range of the rows of the kernels.
// Tasks, and the order of the sums within them, follow from the shape; which thread does which does
// not matter.
#pragma once

#include <atomic>

#include "cpu/gru_layout.h"

namespace sluice::cpu {

class GruWeightGradients {
 public:
  static int64_t scratchFloats(const OpCall& call, const GruExtents& extents, int64_t rows);

  // `rows`: the most that a chunk has.
  GruWeightGradients(const OpCall& call, const GruExtents& extents, float* scratch, int64_t rows);

  bool wanted() const { return dKernel_ != nullptr; }
  void clear() const;
  // Row k of the chunk: its input, its state before the step, and without resetAfter r h.
  void keep(int64_t k, const float* x, const float* h, const float* rh) const;
  // Adds a chunk of `rows` rows of gate gradients [dq dz dr dn][P]. Every thread of the region
  // calls it once a chunk, after all rows have been kept; chunks are counted from 0.
  void add(int thread, int64_t chunk, const float* gradients, int64_t rows);

 private:
  // What the gate gradients are multiplied with, in tiles of kMaxTileRows columns: [tile][k][8].
  struct Factor {
    int64_t columns;
    const float* tiles;
    float* out;       // [columns,3H]
    int vectors;      // of a panel [dn dz dr dq], from
    int first;        // this one
    int64_t gate[3];  // where they go in out
  };
  void addTask(int64_t task, float* panel, const float* gradients, int64_t rows);
  void addTile(const Factor& factor, int64_t tile, int64_t block, const float* panel, int64_t k,
               int64_t depth) const;
  void addBias(const float* sums, int64_t block) const;

  const GruExtents& e_;
  const bool resetAfter_;
  const int64_t rows_;
  float* dKernel_;
  float* dRecurrent_;
  float* dBias_;
  float* panels_;
  int factorCount_ = 0;
  Factor factors_[3]{};
  const int64_t tileCount_;
  const int64_t segments_;        // of the tiles; each is a task for each block
  const int64_t slots_;           // threads that can work at a time
  std::atomic<int64_t> next_{0};  // task, counted through all chunks
};

}  // namespace sluice::cpu
