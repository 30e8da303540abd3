// One step of a recurrence for rows at equal distances: the recurrent product, the gates, the new
// states.
#pragma once

#include "cpu/gemm.h"
#include "cpu/recurrent_masks.h"
#include "cpu/recurrent_norm.h"

namespace sluice::cpu {

struct RecurrentStepArgs {
  int64_t rows;
  RecurrentRows positions;  // of these rows
  float* projection;  // [rows][gates][P], x W + b in the column order of RecurrentPacked; used up
  const float* h;     // rows of states; all units, also where only some blocks are stepped
  float* next;        // likewise
  int64_t ldH;        // of h and next
  float* y;           // rows of H columns; null: no sequence wanted
  int64_t ldY;
  float* saved;  // rows of planes; null: inference
  int64_t ldSaved;
  float* q;       // [rows][work] to work in, where the gates are not fused
  float* masked;  // [rows,P] likewise, with masks
  const float* packed;
  // The vectors of units to step; all of them where the gates are not fused.
  int64_t blockBegin;
  int64_t blockEnd;
};

// Runs the steps of one call.
class RecurrentStep {
 public:
  RecurrentStep(const RecurrentExtents& extents, const RecurrentAttributes& attributes,
                const RecurrentMasks& masks)
      : e_(extents),
        attributes_(attributes),
        masks_(masks),
        packed_(extents),
        fused_(extents.cell->isFused(attributes)) {}
  void run(const RecurrentStepArgs& args) const;

 private:
  void inTiles(const RecurrentStepArgs& args) const;
  void oneRow(const RecurrentStepArgs& args) const;
  void inPlanes(const RecurrentStepArgs& args) const;
  void normalize(const RecurrentStepArgs& args) const;
  void multiplyMasked(const RecurrentStepArgs& args, Product product) const;
  TileArgs products(const RecurrentStepArgs& args, int64_t row, int64_t block, bool acrossRows,
                    float* out) const;
  void gates(const RecurrentStepArgs& args, int64_t row, int64_t block, int64_t groups,
             bool acrossRows, const float* products) const;

  const RecurrentExtents& e_;
  const RecurrentAttributes& attributes_;
  const RecurrentMasks& masks_;
  const RecurrentPacked packed_;
  const bool fused_;
};

}  // namespace sluice::cpu
