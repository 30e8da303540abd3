// Reduce and its backward: some axes brought to one number.
#include <cmath>

#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

// What sums and means keep of the numbers seen.
struct Total {
  double sum = 0;
  int64_t count = 0;

  __device__ void add(float v) { merge({static_cast<double>(v), 1}); }
  __device__ void merge(const Total& other) {
    sum += other.sum;
    count += other.count;
  }
  __device__ float result(Reduction reduction) const {
    if (count == 0) return 0;
    return static_cast<float>(reduction == Reduction::Sum ? sum : sum / static_cast<double>(count));
  }
};

template <bool kLargest>
struct BestResult : Best<kLargest> {
  __device__ float result(Reduction) const { return this->value; }
};

// The largest, and the sum of e^(x - largest): one pass.
struct Exponentials {
  double sum = 0;
  float most = 0;
  int32_t seen = 0;

  __device__ static float weight(float of, float by) { return of == by ? 1.0f : expf(of - by); }
  __device__ void add(float v) { merge({1, v, 1}); }
  __device__ void merge(const Exponentials& other) {
    if (!other.seen) return;
    if (!seen) {
      *this = other;
      return;
    }
    const float larger = other.most > most || other.most != other.most ? other.most : most;
    sum = sum * static_cast<double>(weight(most, larger)) +
          other.sum * static_cast<double>(weight(other.most, larger));
    most = larger;
  }
  __device__ float result(Reduction) const {
    return !seen || isinf(most) ? most : most + static_cast<float>(log(sum));
  }
};

// The elements of each group, by the axes that stay and those that go.
struct Layout {
  Axes kept, gone;
  const uint8_t* mask;
  int64_t step;  // elements of one step

  Layout(const Shape& whole, int32_t axes, const uint8_t* mask)
      : kept(someAxes(whole, axes, false)),
        gone(someAxes(whole, axes, true)),
        mask(mask),
        step(perStep(whole)) {}
  Groups groups() const { return {kept.count, gone.count, kept.run() > 1 && gone.run() == 1}; }
  __device__ bool counts(int64_t at) const { return !mask || mask[at / step] != 0; }
};

// done(group, value) with what take(value, at) made of the elements of each group that count.
template <typename Value, typename Take, typename Done>
int32_t reduceLayout(const OpCall& call, const Layout& layout, void* scratch, Take take,
                     Done done) noexcept {
  return reduceGroups<Value>(
      call, layout.groups(), scratch,
      [=] __device__(int64_t group) { return layout.kept.at(group); },
      [=] __device__(Value & value, int64_t start, int64_t member) {
        const int64_t at = start + layout.gone.at(member);
        if (layout.counts(at)) take(value, at);
      },
      done);
}

template <typename Value>
int32_t reduceAs(const OpCall& call) noexcept {
  const auto attributes = call.attr<ReduceAttributes>();
  const Layout layout(call.in[reduce::kX].shape, attributes.axes,
                      input<uint8_t>(call, reduce::kMask));
  const float* x = input(call, reduce::kX);
  float* y = output(call, reduce::kY);
  return reduceLayout<Value>(
      call, layout, call.scratch, [=] __device__(Value & value, int64_t at) { value.add(x[at]); },
      [=] __device__(int64_t group, const Value& value) {
        y[group] = value.result(attributes.reduction);
      });
}

int32_t runReduce(const OpCall& call) noexcept {
  switch (call.attr<ReduceAttributes>().reduction) {
    case Reduction::Sum:
    case Reduction::Mean:
      return reduceAs<Total>(call);
    case Reduction::Max:
      return reduceAs<BestResult<true>>(call);
    case Reduction::Min:
      return reduceAs<BestResult<false>>(call);
    case Reduction::LogSumExp:
      return reduceAs<Exponentials>(call);
  }
  return 0;
}

size_t scratchOfReduce(const OpCall& call) noexcept {
  const auto& attributes = call.attr<ReduceAttributes>();
  const Groups groups = Layout(call.in[reduce::kX].shape, attributes.axes, nullptr).groups();
  return std::max({reduceScratchBytes<Total>(groups), reduceScratchBytes<BestResult<true>>(groups),
                   reduceScratchBytes<Exponentials>(groups)});
}

// What backward has to know of a group first: how many count, or where the one lies that is y.
using Count = Sum<int64_t>;
using First = Least<int64_t>;

bool isBest(Reduction reduction) {
  return reduction == Reduction::Max || reduction == Reduction::Min;
}

Groups groupsOfBackward(const OpCall& call) {
  return Layout(call.out[reduceBackward::kDx].shape, call.attr<ReduceAttributes>().axes, nullptr)
      .groups();
}
size_t scratchOfReduceBackward(const OpCall& call) noexcept {
  static_assert(sizeof(Count) == sizeof(int64_t) && sizeof(First) == sizeof(int64_t));
  const Groups groups = groupsOfBackward(call);
  return static_cast<size_t>(groups.count) * sizeof(int64_t) + reduceScratchBytes<Count>(groups);
}

int32_t runReduceBackward(const OpCall& call) noexcept {
  using namespace reduceBackward;
  const Reduction reduction = call.attr<ReduceAttributes>().reduction;
  const Shape& shape = call.out[kDx].shape;
  const Layout layout(shape, call.attr<ReduceAttributes>().axes, input<uint8_t>(call, kMask));
  const float *x = input(call, kX), *y = input(call, kY), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  auto* known = static_cast<int64_t*>(call.scratch);  // of each group
  void* scratch = known + layout.kept.count;
  const bool counted = reduction == Reduction::Mean && layout.mask;
  int32_t status = 0;
  if (counted)
    status = reduceLayout<Count>(
        call, layout, scratch, [=] __device__(Count & count, int64_t) { ++count.value; },
        [=] __device__(int64_t group, const Count& count) { known[group] = count.value; });
  if (isBest(reduction))
    status = reduceGroups<First>(
        call, layout.groups(), scratch, SameGroup{},
        [=] __device__(First & first, int64_t group, int64_t member) {
          const int64_t at = layout.kept.at(group) + layout.gone.at(member);
          if (layout.counts(at) && (x[at] == y[group] || x[at] != x[at])) first.merge({at});
        },
        [=] __device__(int64_t group, const First& first) { known[group] = first.value; });
  if (status != 0) return status;
  const auto members = static_cast<float>(layout.gone.count);
  const Walk walk(shape, {&call.in[kDy].shape, &call.in[kMask].shape});
  return forEachOfRows(call, walk.rows, walk.columns, [=] __device__(int64_t row, int64_t column) {
    const auto places = walk.at(row, column);
    const int64_t group = places.of[0], at = row * walk.columns + column;
    float own = 0;
    if (!layout.mask || layout.mask[places.of[1]]) {
      const float d = dy[group];
      switch (reduction) {
        case Reduction::Sum:
          own = d;
          break;
        case Reduction::Mean:
          own = d / (counted ? static_cast<float>(known[group]) : members);
          break;
        case Reduction::LogSumExp:
          own = isinf(y[group]) && y[group] < 0 ? 0.0f : d * expf(x[at] - y[group]);
          break;
        default:
          own = known[group] == at ? d : 0.0f;
      }
    }
    dx[at] = own;
  });
}

}  // namespace

Kernel reduceKernel() {
  return {.name = "cuda.reduce", .scratchBytes = scratchOfReduce, .launch = runReduce};
}
Kernel reduceBackwardKernel() {
  return {.name = "cuda.reduceBackward",
          .scratchBytes = scratchOfReduceBackward,
          .launch = runReduceBackward};
}

}  // namespace sluice::cuda
