#include "cpu/recurrent_recompute.h"

namespace sluice::cpu {
namespace {

// Few at a time: who recomputes wants to save memory.
int64_t turnsAtOnce(const RecurrentExtents& e) { return RecurrentInput::turns(e, 1 << 15); }

}  // namespace

int64_t RecurrentRecompute::scratchFloats(const RecurrentExtents& e,
                                          const RecurrentAttributes& attributes) {
  if (!recomputes(e, attributes)) return 0;
  const int64_t rows = turnsAtOnce(e) * e.B;
  return rows * (e.columns() + e.savedRow()) + e.B * (e.state() + e.work() + e.P) +
         RecurrentInput::gatheredFloats(e, turnsAtOnce(e));
}

RecurrentRecompute::RecurrentRecompute(const RecurrentExtents& e,
                                       const RecurrentAttributes& attributes,
                                       const RecurrentSchedule& schedule,
                                       const RecurrentMasks& masks, const float* x,
                                       const float* packed, const float* reserve, float* scratch)
    : e_(e),
      schedule_(schedule),
      reserveLayout_(e, attributes),
      input_(e, schedule, masks, x, packed),
      step_(e, attributes, masks),
      turns_(turnsAtOnce(e)),
      packed_(packed),
      reserve_(reserve),
      projection_(scratch),
      saved_(projection_ + turns_ * e.B * e.columns()),
      gathered_(saved_ + turns_ * e.B * e.savedRow()),
      next_(gathered_ + RecurrentInput::gatheredFloats(e, turns_)),
      q_(next_ + e.B * e.state()),
      masked_(q_ + e.B * e.work()) {}

void RecurrentRecompute::run(const RecurrentMember& member, int64_t turn) const {
  if (turn != schedule_.turns() - 1 && turn % turns_ != turns_ - 1) return;
  const RecurrentShare& share = member.share;
  const RecurrentRows& rows = share.rows;
  const int64_t first = turn - turn % turns_;
  const int64_t slot = share.rowsBefore * turns_;
  if (input_.gathers()) {
    if (share.first()) input_.gather(rows, first, turn + 1 - first, gathered_ + slot * e_.I);
    member.wait();
  }
  float* projection = projection_ + slot * e_.columns();
  input_.project(rows, first, turn + 1 - first, gathered_ + slot * e_.I, share.blockBegin,
                 share.blockEnd, projection);
  for (int64_t t = first; t <= turn; ++t) {
    const int64_t active = rows.before(schedule_.active(t));
    step_.run({.rows = active,
               .positions = rows,
               .projection = projection,
               .h = reserve_ + reserveLayout_.stateAt(t, rows.first),
               .next = next_ + rows.first * e_.state(),
               .ldH = rows.stride * e_.state(),
               .y = nullptr,
               .ldY = 0,
               .saved = saved_ + (t % turns_ * e_.B + rows.first) * e_.savedRow(),
               .ldSaved = rows.stride * e_.savedRow(),
               .q = q_ + share.rowsBefore * e_.work(),
               .masked = masked_ + share.rowsBefore * e_.P,
               .packed = packed_,
               .blockBegin = share.blockBegin,
               .blockEnd = share.blockEnd});
    projection += active * e_.columns();
  }
}

}  // namespace sluice::cpu
