#include "cpu/recurrent_state_gradients.h"

namespace sluice::cpu {

Product RecurrentStateGradients::product(const RecurrentShare& share, const float* planes,
                                         int64_t active) const {
  Product product;
  product.a = planes;
  product.lda = share.rows.stride * e_.gradients * e_.P;
  product.rows = active;
  product.k = product.n = e_.P;
  return product;
}

void RecurrentStateGradients::throughCandidate(const RecurrentShare& share, const float* planes,
                                               int64_t active) const {
  if (e_.stateMasks) {
    multiplyGate(share, planes, active, 2, 3);
    for (int64_t i = 0; i < active; ++i) {
      const int64_t position = share.rows.position(i);
      masks_.scaleState(2, position, masked(position), dq(position));
    }
    return;
  }
  Product candidate = product(share, planes + 3 * e_.P, active);
  candidate.b = packed_ + layout_.candidate;
  candidate.c = dq(share.rows.first);
  candidate.ldc = share.rows.stride * e_.P;
  multiply(candidate);
}

void RecurrentStateGradients::add(const RecurrentShare& share, const float* planes,
                                  int64_t active) const {
  if (e_.stateMasks) return addMasked(share, planes, active);
  Product gates = product(share, resetsBefore_ ? planes + e_.P : planes, active);
  gates.k = (resetsBefore_ ? 2 : e_.cell->gates) * e_.P;
  gates.b = packed_ + layout_.recurrent;
  gates.c = dh(share.rows.first);
  gates.ldc = share.rows.stride * e_.state();
  gates.accumulate = e_.cell->addsToGradient;
  multiply(gates.columns(share.columnsOf(e_.P, e_.lanes)));
}

// Gate by gate, as each has a mask of its own.
void RecurrentStateGradients::addMasked(const RecurrentShare& share, const float* planes,
                                        int64_t active) const {
  for (int64_t i = 0; i < active && !e_.cell->addsToGradient; ++i)
    std::fill_n(dh(share.rows.position(i)), e_.P, 0.0f);
  for (int64_t gate = 0; gate < e_.cell->gates - (resetsBefore_ ? 1 : 0); ++gate) {
    // A GRU's planes are dq dz dr dn.
    multiplyGate(share, planes, active, gate, e_.cell->candidateWaits() ? (gate + 1) % 3 : gate);
    for (int64_t i = 0; i < active; ++i) {
      const int64_t position = share.rows.position(i);
      masks_.addState(gate, position, masked(position), dh(position));
    }
  }
}

void RecurrentStateGradients::multiplyGate(const RecurrentShare& share, const float* planes,
                                           int64_t active, int64_t gate, int64_t plane) const {
  Product one = product(share, planes + plane * e_.P, active);
  one.b = packed_ + layout_.recurrentOf(e_, gate);
  one.c = masked(share.rows.first);
  one.ldc = share.rows.stride * e_.P;
  multiply(one);
}

}  // namespace sluice::cpu
