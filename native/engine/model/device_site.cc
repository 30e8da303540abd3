// Runs on a device with memory of its own: what comes from outside is brought there in one copy,
// but for rows that are there already, the plan is put into a queue, recorded when it comes the
// second time, and the sums of losses come back in one copy.
#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/model/lane.h"
#include "engine/model/run_site.h"

namespace sluice {
namespace {

constexpr size_t kMostRecorded = 16;
constexpr int kMostFailures = 3;
constexpr size_t kMostPinned = 64 << 20;  // of results, as it is kept

// The first bytes of the staging memory, before the values from outside.
struct Head {
  alignas(kAlignment) RunPosition position;
  alignas(kAlignment) OptimizerStep step;
};

class DeviceSite final : public RunSite {
 public:
  DeviceSite(PlanCache& cache, const Backend& backend)
      : backend_(backend),
        device_(*backend.device()),
        cache_(cache),
        lane_(cache.takeLane(device_)) {}
  ~DeviceSite() override {
    // Where something failed in between, it may still be reading.
    try {
      lane_->queue.synchronize();
    } catch (const Error&) {
      return;  // a lane that does not work is not kept
    }
    cache_.returnLane(std::move(lane_));
  }

  const Device* device() const override { return &device_; }

  void expect(const Batch& batch) override { batch_ = &batch; }

  void run(Frame& frame, RunMemory& memory, const RunContext& context) override {
    const BoundPlan& bound = frame.bound();
    stage(bound, memory, context);
    if (bound.hasHostOps()) {
      if (lane_->mirror.bytes() < bound.arenaBytes())
        lane_->mirror = Buffer(bound.arenaBytes(), "a copy of this run's memory on the host");
      memory.arena = lane_->mirror.data();
      memory.parameters = memory.snapshot->values();
      mirrorGradients(memory, bound);
      there_.host = &memory;
    }
    there_.seconds = memory.seconds;
    there_.cancel = memory.cancel;
    frame.locateIn(there_);  // also where a recording runs in its place
    const auto body = [&](const RunContext& c) { frame.run(there_, c); };
    if (bound.hasHostOps() || memory.seconds != nullptr)
      body(onDevice(context));
    else
      perform(frame, context, body);
    lane_->queue.copyOut(lane_->sums.data(), lane_->arena.data(), bound.sumBytes());
    bound_ = &bound;
  }

  void perform(const std::vector<const void*>& key, const RunContext& context,
               const Body& body) override {
    perform(key, nullptr, context, body);
  }

  void expect(const OptimizerStep& step) override { step_ = step; }
  const OptimizerStep* optimizerStep() const override {
    return &static_cast<const Head*>(std::as_const(lane_->staging).data())->step;
  }

  void finish() override { lane_->queue.synchronize(); }

  TensorView value(const Frame& frame, ValueId id) override {
    const BoundPlan& bound = frame.bound();
    TensorView view = bound.valueView(id);
    if (bound.isSum(id)) {
      view.data = lane_->sums.as<std::byte>() + bound.offset(id);
      return view;
    }
    view.data = const_cast<void*>(read(frame.value(id).data, view.bytes()));
    return view;
  }
  const void* read(const void* memory, size_t bytes) override {
    void* const here = bytes <= kMostPinned ? lane_->results(bytes) : pageable(bytes);
    lane_->queue.copyOut(here, memory, bytes);
    lane_->queue.synchronize();
    return here;
  }
  void write(void* memory, const void* from, size_t bytes) override {
    lane_->queue.copyIn(memory, from, bytes);
    lane_->queue.synchronize();
  }
  void clear(void* memory, size_t bytes) override { lane_->queue.fill(memory, 0, bytes); }
  void add(void* sum, const void* part, int64_t n, DType) override {
    const TensorView x{const_cast<void*>(part), DType::Float32, makeShape(n)},
        y{sum, DType::Float32, makeShape(n)};
    const RunContext context = onDevice({});
    const Kernel& kernel = requireKernel(backend_, Op::Add);
    const OpCall call{Op::Add, nullptr, &x, 1, &y, 1, nullptr, nullptr, &context};
    device_.check(kernel.launch(call), "add gradients");
  }
  const void* weights(const Snapshot& snapshot, DType) override {
    return snapshot.valuesOn(device_, lane_->queue);
  }
  float* write(Snapshot& snapshot) override { return snapshot.writeOn(device_, lane_->queue); }
  TensorView guard() const override {
    return {lane_->arena.data(), DType::Float64, makeShape(bound_->lossBytes() / sizeof(double))};
  }

 private:
  RunContext onDevice(RunContext context) const {
    context.queue = const_cast<Lane&>(*lane_).queue.handle();
    context.position = &static_cast<const Head*>(lane_->staging.data())->position;
    return context;
  }

  // Brings what the plan reads from outside to the device, in one copy, and says where it lies.
  void stage(const BoundPlan& bound, const RunMemory& memory, const RunContext& context) {
    const auto& values = bound.plan().values;
    there_ = RunMemory();
    size_t bytes = sizeof(Head);
    const auto eachFromOutside = [&](const auto& body) {
      bytes = sizeof(Head);
      for (size_t v = 0; v < values.size(); ++v) {
        const auto list = RunMemory::listOf(values[v].storage);
        if (list == nullptr || values[v].viewOf != kNoValue) continue;
        const auto index = static_cast<size_t>(values[v].index);
        if ((there_.*list).size() <= index) (there_.*list).resize(index + 1);
        const size_t size = bound.valueView(static_cast<ValueId>(v)).bytes();
        body((memory.*list)[index], (there_.*list)[index], size);
        bytes += alignUp(size);
      }
    };
    eachFromOutside([](void*, void*, size_t) {});
    try {
      lane_->reserve(bound.arenaBytes(), bytes, bound.sumBytes());
    } catch (const Error& error) {
      if (error.code() != Code::OutOfMemory) throw;
      cache_.dropLanes();  // of runs that are over
      lane_->reserve(bound.arenaBytes(), bytes, bound.sumBytes());
    }
    auto* const from = lane_->pinned.as<std::byte>();
    auto* const to = lane_->staging.as<std::byte>();
    const Head head{{context.seed, context.step, context.rowOffset}, step_};
    std::memcpy(from, &head, sizeof head);
    size_t pending = 0;  // from here on it is still to be copied
    const auto copyUpTo = [&](size_t end) {
      lane_->queue.copyIn(to + pending, from + pending, end - pending);
    };
    eachFromOutside([&](const void* host, void*& device, size_t size) {
      device = to + bytes;
      const void* there = batch_ ? batch_->uploaded(host, size, lane_->queue) : nullptr;
      if (there != nullptr) {
        copyUpTo(bytes);
        lane_->queue.copyWithin(to + bytes, there, size);
        pending = bytes + alignUp(size);
      } else if (size > 0) {
        std::memcpy(from + bytes, host, size);
      }
    });
    copyUpTo(bytes);
    there_.arena = lane_->arena.data();
    there_.parameters = weights(*memory.snapshot, DType::Float32);
    there_.gradients = memory.gradients;
    there_.snapshot = nullptr;
    there_.queue = &lane_->queue;
    there_.position = &reinterpret_cast<const Head*>(to)->position;
  }

  void* pageable(size_t bytes) {
    if (large_.bytes() < bytes) large_ = Buffer(bytes, "the results of this run");
    return large_.data();
  }

  // Ops of the host write gradients there first.
  void mirrorGradients(RunMemory& memory, const BoundPlan& bound) {
    if (!bound.plan().request.backward) return;
    const size_t bytes = memory.snapshot->floats() * sizeof(float);
    if (gradients_.bytes() < bytes) gradients_ = Buffer(bytes);
    memory.gradients = gradients_.data();
  }

  void perform(const Frame& frame, const RunContext& context, const Body& body) {
    perform({&frame.bound(), there_.parameters, there_.gradients}, frame.shared(), context, body);
  }

  // The first time it is done; the second time it is recorded.
  void perform(const std::vector<const void*>& key, std::shared_ptr<const BoundPlan> plan,
               const RunContext& context, const Body& body) {
    auto& recorded = lane_->recorded;
    const auto found =
        std::find_if(recorded.begin(), recorded.end(), [&](const auto& r) { return r.key == key; });
    const RunContext there = onDevice(context);
    if (found == recorded.end()) {
      body(there);
      // Only now: what a kernel does at its first launch must not happen in a recording.
      recorded.push_front({.key = key, .plan = std::move(plan), .recording = nullptr});
      if (recorded.size() > kMostRecorded) recorded.pop_back();
      return;
    }
    recorded.splice(recorded.begin(), recorded, found);
    Lane::Recorded& again = recorded.front();
    if (!again.recording && again.failures < kMostFailures) {
      try {
        again.recording = lane_->queue.record([&] { body(there); });
      } catch (const Error& error) {
        if (error.code() == Code::Aborted) throw;
        // Nothing has been done: it is, below, and reports itself what is wrong.
      }
      // Another thread may have stood in the way, for once.
      if (!again.recording) ++again.failures;
    }
    if (again.recording)
      lane_->queue.replay(*again.recording);
    else
      body(there);
  }

  const Backend& backend_;
  const Device& device_;
  PlanCache& cache_;
  std::unique_ptr<Lane> lane_;
  RunMemory there_;
  OptimizerStep step_;
  Buffer large_, gradients_;
  const BoundPlan* bound_ = nullptr;
  const Batch* batch_ = nullptr;
};

}  // namespace

std::unique_ptr<RunSite> makeDeviceSite(PlanCache& cache, const Backend& backend) {
  return std::make_unique<DeviceSite>(cache, backend);
}

}  // namespace sluice
