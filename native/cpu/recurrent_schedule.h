// Which row takes which step in which turn.
//
// A masked step changes nothing, so the valid steps of a row are closed up: a row with L of them
// takes them in turns 0 to L - 1, whatever lies between. Rows stand in positions, those with most
// steps first, so that the rows which still have a step in a turn are the first active(turn)
// positions. Right padding, left padding, holes and empty rows are all the same then, and none of
// them costs arithmetic. Without a mask positions are rows and turns are steps.
#pragma once

#include "cpu/recurrent_layout.h"

namespace sluice::cpu {

// Every stride-th position from `first` on: the rows of one thread, or a part of them. With a mask
// neighbouring positions have similar lengths, so threads that take turns in choosing have equal
// work.
struct RecurrentRows {
  int64_t first = 0;
  int64_t stride = 1;
  int64_t count = 0;

  int64_t position(int64_t i) const { return first + i * stride; }
  // How many of them stand before a position.
  int64_t before(int64_t position) const {
    return std::clamp<int64_t>((position - first + stride - 1) / stride, 0, count);
  }
  RecurrentRows part(int64_t begin, int64_t end) const {
    return {position(begin), stride, end - begin};
  }
};

class RecurrentSchedule {
 public:
  static int64_t scratchInts(const RecurrentExtents& e) {
    return e.masked ? 4 * (e.T + 1) + 3 * e.B + e.B * e.T : 0;
  }

  // mask: [B,T], null where there is none; scratch: scratchInts of them, aligned for 64 bits.
  RecurrentSchedule(const RecurrentExtents& e, bool reverse, const uint8_t* mask, int32_t* scratch);

  bool masked() const { return mask_ != nullptr; }
  int64_t turns() const { return turns_; }
  int64_t active(int64_t turn) const { return mask_ ? active_[turn] : B_; }
  // How many steps are taken before a turn.
  int64_t before(int64_t turn) const { return mask_ ? before_[turn] : turn * B_; }
  int64_t row(int64_t position) const { return mask_ ? order_[position] : position; }
  int64_t length(int64_t position) const { return mask_ ? length_[position] : T_; }
  // Steps are counted in the order in which they are processed.
  int64_t step(int64_t position, int64_t turn) const {
    return mask_ ? steps_[position * T_ + turn] : turn;
  }
  // Where a step stands in the sequence.
  int64_t time(int64_t step) const { return reverse_ ? T_ - 1 - step : step; }
  // The row of a [B,T] matrix which holds what a position takes in a turn.
  int64_t cell(int64_t position, int64_t turn) const {
    return row(position) * T_ + time(step(position, turn));
  }
  bool valid(int64_t row, int64_t step) const { return !mask_ || mask_[row * T_ + time(step)]; }

 private:
  int64_t B_, T_, turns_;
  bool reverse_;
  const uint8_t* mask_;
  int64_t* before_ = nullptr;  // [T + 1]
  int32_t* order_ = nullptr;   // [B] row of a position
  int32_t* length_ = nullptr;  // [B] of a position
  int32_t* active_ = nullptr;  // [T + 1]
  int32_t* steps_ = nullptr;   // [B,T] by position
};

}  // namespace sluice::cpu
