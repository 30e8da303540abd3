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
        input_(sluice::input(call, recurrent::kInputMasks)),
        state_(sluice::input(call, recurrent::kStateMasks)),
        zoneout_(sluice::input(call, recurrent::kZoneout)),
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

  // Zoneout, of units from `unit` on in a step: new states become h + k (new - h).
  void zoneOut(int64_t position, int64_t turn, int64_t unit, int64_t units, const float* h,
               float* next) const {
    if (const float* updates = updatesOf(position, turn)) {
      for (int64_t j = 0; j < units; ++j) next[j] = updates[unit + j] != 0 ? next[j] : h[j];
    } else {
      for (int64_t j = 0; j < units; ++j) next[j] = h[j] + update_ * (next[j] - h[j]);
    }
  }
  // Its way back: of dh + dy (or dh) what goes to the new states stays in dh, the rest becomes
  // `kept`.
  void divideGradient(int64_t position, int64_t turn, int64_t unit, int64_t units, const float* dy,
                      float* dh, float* kept) const {
    const float* updates = updatesOf(position, turn);
    for (int64_t j = 0; j < units; ++j) {
      const float total = dh[j] + (dy ? dy[j] : 0.0f);
      dh[j] = (updates ? updates[unit + j] : update_) * total;
      kept[j] = total - dh[j];
    }
  }

 private:
  // How far units go to their new states in a step; null: all of them as far as update_.
  const float* updatesOf(int64_t position, int64_t turn) const {
    return zoneout_ ? zoneout_ + schedule_.cell(position, turn) * e_.H : nullptr;
  }
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
