// One step of a GRU for rows at equal distances: the recurrent product, the gates, the new state.
#pragma once

#include "cpu/gru_layout.h"

namespace sluice::cpu {

struct GruStepArgs {
  int64_t rows;
  float* projection;  // [rows,3P], x W + b in the column order of GruPacked; used up
  const float* h;     // rows of P columns; all units, also where only some blocks are stepped
  float* next;        // likewise
  int64_t ldH;        // of h and next
  float* y;           // rows of H columns; null: no sequence wanted
  int64_t ldY;
  float* saved;  // rows of [z r n q][P]; null: inference
  int64_t ldSaved;
  float* q;  // [rows,P] to work in, where the gates are not fused
  const float* packed;
  // The vectors of units to step; all of them where the gates are not fused.
  int64_t blockBegin;
  int64_t blockEnd;
};

// Runs the steps of one call.
class GruStep {
 public:
  GruStep(const GruExtents& extents, const GruAttributes& attributes)
      : e_(extents), attributes_(attributes), packed_(extents), fused_(gruIsFused(attributes)) {}
  void run(const GruStepArgs& args) const;

 private:
  void inTiles(const GruStepArgs& args) const;
  void oneRow(const GruStepArgs& args) const;
  void inPlanes(const GruStepArgs& args) const;
  TileArgs products(const GruStepArgs& args, int64_t row, int64_t block, bool acrossRows,
                    float* out) const;
  void gates(const GruStepArgs& args, int64_t row, int64_t block, int64_t groups, bool acrossRows,
             const float* products) const;

  const GruExtents& e_;
  const GruAttributes& attributes_;
  const GruPacked packed_;
  const bool fused_;
};

}  // namespace sluice::cpu
