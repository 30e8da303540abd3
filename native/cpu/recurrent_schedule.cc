#include "cpu/recurrent_schedule.h"

namespace sluice::cpu {

RecurrentSchedule::RecurrentSchedule(const RecurrentExtents& e, bool reverse, const uint8_t* mask,
                                     int32_t* scratch)
    : B_(e.B), T_(e.T), turns_(e.T), reverse_(reverse), mask_(mask) {
  if (!mask) return;
  before_ = reinterpret_cast<int64_t*>(scratch);
  order_ = scratch + 2 * (T_ + 1);
  length_ = order_ + B_;
  active_ = length_ + B_;
  steps_ = active_ + T_ + 1;
  int32_t* lengthOfRow = steps_ + B_ * T_;
  int32_t* next = lengthOfRow + B_;

  std::fill_n(next, T_ + 1, 0);
  for (int64_t row = 0; row < B_; ++row) {
    int32_t length = 0;
    for (int64_t t = 0; t < T_; ++t) length += mask[row * T_ + t] != 0;
    lengthOfRow[row] = length;
    ++next[length];
  }
  // From how many rows have a length to how many are longer: where those of the length begin, and
  // how many have a step in the turn of that number.
  for (int64_t length = T_, longer = 0; length >= 0; --length) {
    const int32_t count = next[length];
    next[length] = active_[length] = static_cast<int32_t>(longer);
    longer += count;
  }
  while (turns_ > 0 && active_[turns_ - 1] == 0) --turns_;
  before_[0] = 0;
  for (int64_t turn = 0; turn < T_; ++turn) before_[turn + 1] = before_[turn] + active_[turn];

  for (int64_t row = 0; row < B_; ++row) {
    const int64_t position = next[lengthOfRow[row]]++;
    order_[position] = static_cast<int32_t>(row);
    length_[position] = lengthOfRow[row];
    int32_t* steps = steps_ + position * T_;
    for (int64_t s = 0; s < T_; ++s)
      if (valid(row, s)) *steps++ = static_cast<int32_t>(s);
  }
}

}  // namespace sluice::cpu
