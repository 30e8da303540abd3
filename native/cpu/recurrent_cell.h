// What the passes over a sequence ask of a kind of cell: how many gates and states it has, and its
// element-wise parts. Everything else about a recurrence is the same for all (recurrent_forward,
// recurrent_backward). A new cell is a table of this kind, in a file beside its gates.
//
// Rows are padded to whole vectors of units, and these functions work on the padding too; only y
// and dy have H columns. A row of states, and of what is saved or of gradients, is one plane of P
// floats after the other.
#pragma once

#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cpu {

// One vector of units for each group; groups are rows, or neighbouring vectors of one row.
struct FusedGatesArgs {
  int64_t groups;
  const float* products;  // of all gates, before their activations
  int64_t ldProducts;
  const float* x;  // GRU: the candidate's input projection
  int64_t ldX;
  const float* h;  // the states before the step, those after it
  float* next;
  int64_t ldH;
  float* y;  // null: no sequence wanted
  int64_t ldY;
  int64_t columns;  // of y, at most a vector
  float* saved;     // null: inference
  int64_t ldSaved;
  int64_t plane;  // from one plane to the next, of states and of what is saved
  bool replace;
};

// Rows of `width` floats a plane, a multiple of the vector.
struct PlaneArgs {
  int64_t rows;
  int64_t width;
  int64_t units;  // of the width; the rest is padding
  float* gates;   // planes of x W + b and, where their product is done, h R; used up
  int64_t ldGates;
  float* q;  // GRU: with resetAfter h R + c of the candidate, else r h
  int64_t ldQ;
  const float* h;
  const float* candidateH;  // h with the mask of the candidate
  int64_t ldCandidateH;
  float* next;
  int64_t ldH;
  float* saved;
  int64_t ldSaved;
  int64_t plane;
  const RecurrentAttributes* attributes;
  // LSTM, where c is normalized: parameters, and what is saved of it in rows as `saved`.
  const float* cellGamma = nullptr;
  const float* cellBeta = nullptr;
  float* cellHats = nullptr;
  float* cellFactor = nullptr;
};

// One row of backward, or neighbouring units of it. dh holds the gradients of the states after the
// step, planes as in h, and receives what flows past the recurrent product.
struct GateGradientArgs {
  int64_t width;
  int64_t plane;
  int64_t columns;     // of dy
  const float* dy;     // null: zero
  const float* saved;  // what forward saved of the step
  const float* h;      // the states before the step, those after it
  const float* next;
  float* dh;
  float* gradients;
  // GRU without resetAfter, second part: dn R_h^T, with the mask of the candidate.
  const float* dq;
  // LSTM, where c is normalized.
  const float* cellGamma = nullptr;
  const float* cellBeta = nullptr;
  const float* cellHats = nullptr;
  float cellFactor = 0;
};

struct RecurrentCell {
  int64_t gates = 0;       // vectors of kernel columns for each vector of units
  int64_t states = 0;      // planes of a state; the first is h
  int64_t saved = 0;       // planes that forward saves of a step
  int64_t gradients = 0;   // planes of gate gradients
  int64_t inputPlane = 0;  // the first of `gates` planes of them, which are of x W + b

  // Gates computed from the registers that hold the product: the packed columns then put those of
  // the same units side by side. Null: plane by plane is the only way.
  void (*fused)(const FusedGatesArgs&) = nullptr;
  // Where there is `fused`: why a call goes plane by plane, or null.
  const char* (*whyNotFused)(const RecurrentAttributes&) = nullptr;
  // Plane by plane: what is done before the candidate (GRU alone), without resetAfter also before
  // its product; null: no gate waits for others. Then the new states.
  void (*beforeCandidate)(const PlaneArgs&) = nullptr;
  void (*planes)(const PlaneArgs&) = nullptr;
  // Gate gradients before their way through the recurrent kernel.
  void (*gateGradients)(const GateGradientArgs&, const RecurrentAttributes&) = nullptr;
  // GRU without resetAfter: dr and what dh gets through r, once dn R_h^T is there; else null.
  void (*resetGradients)(const GateGradientArgs&, const RecurrentAttributes&) = nullptr;
  // Whether dh then is that way's product alone, or what gateGradients left in dh is added to it.
  bool addsToGradient = false;

  // Why a call goes plane by plane although there is `fused`; null where it does not.
  const char* detour(const RecurrentAttributes& attributes) const {
    return fused ? whyNotFused(attributes) : nullptr;
  }
  bool isFused(const RecurrentAttributes& attributes) const {
    return fused && !whyNotFused(attributes);
  }

  // Whether a candidate waits for the other gates, and whether it meets r h instead of h.
  bool candidateWaits() const { return beforeCandidate != nullptr; }
  bool resetsBefore(const RecurrentAttributes& attributes) const {
    return candidateWaits() && attributes.resetAfter == 0;
  }
};

const RecurrentCell& gruCell() noexcept;
const RecurrentCell& lstmCell() noexcept;
const RecurrentCell& simpleRnnCell() noexcept;
// Of an op, forward or backward.
const RecurrentCell& recurrentCell(Op op) noexcept;

}  // namespace sluice::cpu
