// The gradients of a recurrence's kernel, recurrent kernel and bias: sums over all rows and steps.
//
// A task is a panel, one vector of units with all its gates (or, of a cell with one gate, a few
// neighbouring ones), against a range of the rows of the kernels. The order of the sums within it
// follows from the shape; which thread does which, and how many there are, does not matter.
#pragma once

#include <array>
#include <atomic>

#include "cpu/recurrent_masks.h"

namespace sluice::cpu {

class RecurrentWeightGradients {
 public:
  static int64_t scratchFloats(const OpCall& call, const RecurrentExtents& extents, int64_t rows);

  // `rows`: the most that a chunk has.
  RecurrentWeightGradients(const OpCall& call, const RecurrentExtents& extents,
                           const RecurrentMasks& masks, float* scratch, int64_t rows);

  bool wanted() const { return dKernel_ != nullptr; }
  void clear() const;
  // Row k of the chunk, which is the step of a position: its input, its state before the step, and
  // for a GRU without resetAfter r h.
  void keep(int64_t k, int64_t position, const float* x, const float* h, const float* rh) const;
  // Adds a chunk of `rows` rows of gate gradients. Every thread of the region calls it once a
  // chunk, after all rows have been kept; chunks are counted from 0.
  void add(int thread, int64_t chunk, const float* gradients, int64_t rows);

 private:
  static constexpr int kMostVectors = 4;  // of a panel
  // What the gate gradients are multiplied with, in tiles of kMaxTileRows columns: [tile][k][8].
  enum class Source { Input, State, ResetState };
  struct Factor {
    Source source;
    int64_t columns;
    const float* tiles;
    float* out;                              // [columns, gates H]
    int first;                               // of the vectors of a panel, from this one
    int vectors;                             // so many
    std::array<int64_t, kMostVectors> gate;  // where they go in out
    bool masked = false;                     // with the mask of gate[0]
  };
  // The planes of gate gradients that a panel has a vector of, and the factors that they are
  // multiplied with.
  struct Planes {
    int count = 0;
    std::array<int64_t, kMostVectors> at{};
    int firstFactor = 0;
    int endFactor = 0;
  };
  struct Panel {
    int64_t block;
    int vectors;
    float* data;
  };
  void planFactors(const OpCall& call);
  // Factors from here on belong to these planes.
  void addPlanes(int count, std::array<int64_t, kMostVectors> at);
  // Cut into one factor a gate where these have masks.
  void addFactor(Factor factor, bool masked);
  void addPart(Factor factor);
  void addTask(int64_t task, float* data, const float* gradients, int64_t rows);
  // The part of a task that lies in tiles from begin to end of the factors of these planes.
  void addSegment(const Planes& planes, int64_t block, int64_t begin, int64_t end, bool sumsBiases,
                  float* data, const float* gradients, int64_t rows) const;
  void addTile(const Factor& factor, int64_t tile, const Panel& panel, int64_t k,
               int64_t depth) const;
  void addBias(const Factor& factor, const Panel& panel, const float* sums, float* out) const;
  // Adds vector v of a panel, counted from the factor's first, to some rows of an output.
  void addVector(const Factor& factor, const Panel& panel, int v, const float* sums, int64_t ldSums,
                 int64_t rows, float* out) const;
  // A factor's vectors that a panel has.
  int vectorsOf(const Factor& factor, const Panel& panel) const {
    return e_.cell->gates == 1 ? panel.vectors : factor.vectors;
  }

  const RecurrentExtents& e_;
  const RecurrentMasks& masks_;
  const bool ownBias_;  // the recurrent product has a bias of its own
  const int64_t rows_;
  float* dKernel_;
  float* dRecurrent_;
  float* dBias_;
  float* panels_;
  float* tiles_;  // of the next factor
  int factorCount_ = 0;
  Factor factors_[8]{};
  Planes planes_[2]{};  // x's and h's where these differ in more than a GRU's dn and dq
  int planesCount_ = 0;
  Factor biases_[2]{};  // where the sums of a panel go, as factors of a column
  int64_t tileCount_ = 0;
  const int64_t segments_;        // of the tiles; each is a task for each panel
  const int64_t slots_;           // threads that can work at a time
  std::atomic<int64_t> next_{0};  // task, counted through all chunks
};

}  // namespace sluice::cpu
