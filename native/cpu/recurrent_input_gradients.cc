#include "cpu/recurrent_input_gradients.h"

#include <utility>

namespace sluice::cpu {

void RecurrentInputGradients::clearMasked(const RecurrentShare& share) const {
  if (!schedule_.masked() || !share.first()) return;
  for (int64_t i = 0; i < share.rows.count; ++i) {
    const int64_t row = schedule_.row(share.rows.position(i));
    for (int64_t s = 0; s < e_.T; ++s)
      if (!schedule_.valid(row, s))
        std::fill_n(dx_ + (row * e_.T + schedule_.time(s)) * e_.I, e_.I, 0.0f);
  }
}

void RecurrentInputGradients::add(const RecurrentShare& share, int64_t turn, int64_t turns,
                                  const float* planes) const {
  const int64_t gradients = e_.gradients * e_.P;  // of a row
  const RecurrentRows& rows = share.rows;
  Product product;
  product.a = planes + rows.first * gradients + e_.inputPlane * e_.P;
  product.lda = rows.stride * gradients;
  product.b = kernel_;
  product.k = e_.columns();
  product.n = e_.I;
  if (e_.inputMasks) return addMasked(product, share, turn);
  if (schedule_.masked()) return scatter(product, share, turn);
  product.c = dx_ + schedule_.cell(rows.first, turn) * e_.I;
  product.ldc = rows.stride * e_.T * e_.I;
  product.rows = rows.count;
  product.outer = turns;
  product.outerA = e_.B * gradients;
  product.outerC = (schedule_.time(1) - schedule_.time(0)) * e_.I;
  if (product.outer > product.rows) {
    std::swap(product.rows, product.outer);
    std::swap(product.lda, product.outerA);
    std::swap(product.ldc, product.outerC);
  }
  multiply(product.columns(share.columnsOf(e_.I, e_.lanes)));
}

void RecurrentInputGradients::scatter(Product product, const RecurrentShare& share,
                                      int64_t turn) const {
  const Range columns = share.columnsOf(e_.I, e_.lanes);
  float* dx = scratch_ + share.rowsBefore * e_.I;
  product.c = dx;
  product.ldc = e_.I;
  product.rows = share.rows.before(schedule_.active(turn));
  multiply(product.columns(columns));
  for (int64_t i = 0; i < product.rows; ++i, dx += e_.I)
    std::copy(dx + columns.begin, dx + columns.end,
              dx_ + schedule_.cell(share.rows.position(i), turn) * e_.I + columns.begin);
}

void RecurrentInputGradients::addMasked(Product product, const RecurrentShare& share,
                                        int64_t turn) const {
  const float* planes = product.a;
  product.c = scratch_ + share.rowsBefore * e_.I;
  product.ldc = e_.I;
  product.rows = share.rows.before(schedule_.active(turn));
  product.k = e_.P;
  const auto dxOf = [&](int64_t position) { return dx_ + schedule_.cell(position, turn) * e_.I; };
  for (int64_t i = 0; i < product.rows; ++i) std::fill_n(dxOf(share.rows.position(i)), e_.I, 0.0f);
  for (int64_t gate = 0; gate < e_.cell->gates; ++gate) {
    product.a = planes + gate * e_.P;
    product.b = kernel_ + gate * e_.P * roundUp(e_.I, e_.lanes);
    multiply(product);
    for (int64_t i = 0; i < product.rows; ++i) {
      const int64_t position = share.rows.position(i);
      masks_.addInput(gate, position, product.c + i * e_.I, dxOf(position));
    }
  }
}

}  // namespace sluice::cpu
