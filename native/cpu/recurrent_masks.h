// What training multiplies x and h with before they meet the columns of each gate, and which units
// zoneout updates. By position (recurrent_schedule.h).
#pragma once

#include "cpu/arguments.h"
#include "cpu/recurrent_schedule.h"

namespace sluice::cpu {

class RecurrentMasks {
 public:
  RecurrentMasks(const OpCall& call, const RecurrentExtents& e, const RecurrentSchedule& schedule)
      : e_(e),
        schedule_(schedule),
        input_(cpu::input(call, recurrent::kInputMasks)),
        state_(cpu::input(call, recurrent::kStateMasks)),
        zoneout_(cpu::input(call, recurrent::kZoneout)),
        update_(static_cast<float>(1 - call.attr<RecurrentAttributes>().zoneout)) {}

  // The mask of a gate, I or H elements.
  const float* input(int64_t gate, int64_t position) const {
    return of(input_, gate, position, e_.I);
  }
  const float* state(int64_t gate, int64_t position) const {
    return of(state_, gate, position, e_.H);
  }
  // to = from times it.
  void scaleInput(int64_t gate, int64_t position, const float* from, float* to) const {
    scale(input_, gate, position, e_.I, from, to);
  }
  void scaleState(int64_t gate, int64_t position, const float* from, float* to) const {
    scale(state_, gate, position, e_.H, from, to);
    std::fill(to + e_.H, to + e_.P, 0.0f);
  }
  // to += from times the mask.
  void addInput(int64_t gate, int64_t position, const float* from, float* to) const {
    add(input_, gate, position, e_.I, from, to);
  }
  void addState(int64_t gate, int64_t position, const float* from, float* to) const {
    add(state_, gate, position, e_.H, from, to);
  }

  // How far units go to their new states in a step: null where they all go as far as update().
  const float* updates(int64_t position, int64_t turn) const {
    return zoneout_ ? zoneout_ + schedule_.cell(position, turn) * e_.H : nullptr;
  }
  float update() const { return update_; }

 private:
  const float* of(const float* masks, int64_t gate, int64_t position, int64_t width) const {
    return masks + (schedule_.row(position) * e_.cell->gates + gate) * width;
  }
  void scale(const float* masks, int64_t gate, int64_t position, int64_t width, const float* from,
             float* to) const {
    const float* mask = of(masks, gate, position, width);
    for (int64_t i = 0; i < width; ++i) to[i] = from[i] * mask[i];
  }
  void add(const float* masks, int64_t gate, int64_t position, int64_t width, const float* from,
           float* to) const {
    const float* mask = of(masks, gate, position, width);
    for (int64_t i = 0; i < width; ++i) to[i] += from[i] * mask[i];
  }

  const RecurrentExtents& e_;
  const RecurrentSchedule& schedule_;
  const float* input_;
  const float* state_;
  const float* zoneout_;
  const float update_;
};

}  // namespace sluice::cpu
