#include "cpu/gru_recompute.h"

namespace sluice::cpu {
namespace {

// Few at a time: who recomputes wants to save memory.
int64_t turnsAtOnce(const GruExtents& e) { return GruInput::turns(e, 1 << 15); }

}  // namespace

int64_t GruRecompute::scratchFloats(const GruExtents& e, const GruAttributes& attributes) {
  if (!attributes.recompute) return 0;
  const int64_t rows = turnsAtOnce(e) * e.B;
  return rows * (3 + GruReserve::kPlanes) * e.P + 2 * e.B * e.P +
         GruInput::gatheredFloats(e, turnsAtOnce(e));
}

GruRecompute::GruRecompute(const GruExtents& e, const GruAttributes& attributes,
                           const GruSchedule& schedule, const float* x, const float* packed,
                           const float* reserve, float* scratch)
    : e_(e),
      schedule_(schedule),
      reserveLayout_(e, attributes),
      input_(e, schedule, x, packed),
      step_(e, attributes),
      turns_(turnsAtOnce(e)),
      packed_(packed),
      reserve_(reserve),
      projection_(scratch),
      saved_(projection_ + turns_ * e.B * 3 * e.P),
      gathered_(saved_ + turns_ * e.B * GruReserve::kPlanes * e.P),
      next_(gathered_ + GruInput::gatheredFloats(e, turns_)),
      q_(next_ + e.B * e.P) {}

void GruRecompute::run(const GruMember& member, int64_t turn) const {
  if (turn != schedule_.turns() - 1 && turn % turns_ != turns_ - 1) return;
  const GruShare& share = member.share;
  const GruRows& rows = share.rows;
  const int64_t first = turn - turn % turns_;
  const int64_t slot = share.rowsBefore * turns_;
  if (schedule_.masked()) {
    if (share.first()) input_.gather(rows, first, turn + 1 - first, gathered_ + slot * e_.I);
    member.wait();
  }
  float* projection = projection_ + slot * 3 * e_.P;
  input_.project(rows, first, turn + 1 - first, gathered_ + slot * e_.I, share.blockBegin,
                 share.blockEnd, projection);
  for (int64_t t = first; t <= turn; ++t) {
    const int64_t active = rows.before(schedule_.active(t));
    step_.run({.rows = active,
               .projection = projection,
               .h = reserve_ + reserveLayout_.stateAt(t, rows.first),
               .next = next_ + rows.first * e_.P,
               .ldH = rows.stride * e_.P,
               .y = nullptr,
               .ldY = 0,
               .saved = saved_ + (t % turns_ * e_.B + rows.first) * GruReserve::kPlanes * e_.P,
               .ldSaved = rows.stride * GruReserve::kPlanes * e_.P,
               .q = q_ + share.rowsBefore * e_.P,
               .packed = packed_,
               .blockBegin = share.blockBegin,
               .blockEnd = share.blockEnd});
    projection += active * 3 * e_.P;
  }
}

}  // namespace sluice::cpu
