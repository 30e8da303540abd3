#include "cpu/recurrent_input.h"

#include <utility>

namespace sluice::cpu {

void RecurrentInput::gather(const RecurrentRows& rows, int64_t turn, int64_t turns,
                            float* gathered) const {
  for (int64_t t = turn; t < turn + turns; ++t) {
    const int64_t count = rows.before(schedule_.active(t));
    for (int64_t i = 0; i < count; ++i, gathered += e_.I)
      std::copy_n(x_ + schedule_.cell(rows.position(i), t) * e_.I, e_.I, gathered);
  }
}

void RecurrentInput::project(const RecurrentRows& rows, int64_t turn, int64_t turns,
                             float* gathered, int64_t blockBegin, int64_t blockEnd,
                             float* projection) const {
  const int64_t ofBlock = e_.cell->gates * e_.lanes;
  Product product;
  product.b = packed_ + layout_.kernel;
  if (!e_.normalized) product.start = packed_ + layout_.bias;
  product.c = projection;
  product.ldc = e_.columns();
  product.k = e_.I;
  product.n = e_.columns();
  if (e_.inputMasks) return projectMasked(rows, turn, turns, product, gathered);
  product = product.columns({blockBegin * ofBlock, blockEnd * ofBlock});
  if (schedule_.masked()) {
    for (int64_t t = turn; t < turn + turns; ++t) product.rows += rows.before(schedule_.active(t));
    product.a = gathered;
    product.lda = e_.I;
    return multiply(product);
  }
  const int64_t first = schedule_.cell(rows.first, turn);
  product.a = x_ + first * e_.I;
  product.rows = rows.count;
  product.lda = rows.stride * e_.T * e_.I;
  product.outer = turns;
  product.outerA = turns > 1 ? (schedule_.cell(rows.first, turn + 1) - first) * e_.I : 0;
  product.outerC = rows.count * e_.columns();
  // Tiles run over rows or over steps, whichever are more.
  if (product.outer > product.rows) {
    std::swap(product.rows, product.outer);
    std::swap(product.lda, product.outerA);
    std::swap(product.ldc, product.outerC);
  }
  multiply(product);
}

void RecurrentInput::projectMasked(const RecurrentRows& rows, int64_t turn, int64_t turns,
                                   Product product, float* gathered) const {
  product.a = gathered;
  product.lda = e_.I;
  for (int64_t gate = 0; gate < e_.cell->gates; ++gate) {
    float* to = gathered;
    for (int64_t t = turn; t < turn + turns; ++t) {
      const int64_t count = rows.before(schedule_.active(t));
      for (int64_t i = 0; i < count; ++i, to += e_.I) {
        const int64_t position = rows.position(i);
        masks_.scaleInput(gate, position, x_ + schedule_.cell(position, t) * e_.I, to);
      }
    }
    product.rows = (to - gathered) / e_.I;
    multiply(product.columns({gate * e_.P, (gate + 1) * e_.P}));
  }
}

}  // namespace sluice::cpu
