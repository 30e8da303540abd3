// The element-wise part of a GRU step, vectorised (gru_gates.cc). Rows are
// padded to whole vectors, and these functions work on the padding too; only y has H columns.
#pragma once

#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cpu {

// One vector of units for each group; groups are rows, or neighbouring blocks of one row.
struct FusedGatesArgs {
  int64_t groups;
  const float* products;  // z and r before their activation, q
  int64_t ldProducts;
  const float* x;  // the candidate's input projection
  int64_t ldX;
  const float* h;
  float* next;
  int64_t ldH;  // of h and next
  float* y;     // null: no sequence wanted
  int64_t ldY;
  int64_t columns;  // of y, at most a vector
  float* saved;     // null: inference; planes z, r, n, q
  int64_t ldSaved;
  int64_t plane;
  bool replace;
};

// Rows of `width` (a multiple of the vector) floats.
struct PlaneArgs {
  int64_t rows;
  int64_t width;
  float* gates;  // z and r planes, before and after their activation, then the candidate's x part
  int64_t ldGates;
  float* q;  // with resetAfter h R + c, else r h
  int64_t ldQ;
  const float* h;
  float* next;
  int64_t ldH;
  float* saved;
  int64_t ldSaved;
  bool resetAfter;
  bool replace;
};

// One row of backward, or neighbouring units of it. dh holds the gradient of the state after the
// step and receives what flows past the recurrent product; gradients are the planes dq, dz, dr, dn.
struct GateGradientArgs {
  int64_t width;
  int64_t plane;       // from one plane of saved and gradients to the next
  int64_t columns;     // of dy
  const float* dy;     // null: zero
  const float* saved;  // planes z, r, n, q
  const float* h;      // the state before the step
  float* dh;
  float* gradients;
  const float* dq;  // without resetAfter, second part: dn R_h^T
};

struct GruGates {
  // Activations and blend of the default GRU, from registers' worth of products.
  void (*fused)(const FusedGatesArgs&);
  // z and r; without resetAfter also q = r h.
  void (*recurrentGates)(const PlaneArgs&, const ActivationSpec& recurrentActivation);
  // The candidate and the new state.
  void (*candidate)(const PlaneArgs&, const ActivationSpec& activation);
  // dn, dz, and with resetAfter dr and dq. Without, dr waits for the product with R_h:
  void (*gradients)(const GateGradientArgs&, const GruAttributes&);
  void (*resetGradients)(const GateGradientArgs&, const GruAttributes&);
};
const GruGates& gruGates() noexcept;

}  // namespace sluice::cpu
