#include "engine/model/session_pool.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/core/memory.h"

namespace sluice {
namespace {

// Rows of the largest group. More would read the weights less often, but the group's states, inputs
// and scratch are to stay in the second-level cache.
constexpr int64_t kMostRows = 64;

bool overlap(const float* a, int64_t aFloats, const float* b, int64_t bFloats) {
  const std::less<const float*> before;
  return before(a, b + bFloats) && before(b, a + aFloats);
}

}  // namespace

SessionPool::SessionPool(std::shared_ptr<Model> model, WeightsType weights, int32_t capacity)
    : model_(std::move(model)),
      capacity_(capacity),
      stepper_(*model_, weights, std::min<int64_t>(capacity, kMostRows)) {
  const Graph& graph = model_->graph();
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1)
    fail(Code::Unsupported,
         cat("sessions: a pool needs a model with one input and one output, this one has ",
             graph.inputs.size(), " and ", graph.outputs.size(), "; model.stream takes any number"),
         {.option = graph.inputs.size() != 1 ? "inputs" : "outputs",
          .expected = "1",
          .received = cat(graph.inputs.size() != 1 ? graph.inputs.size() : graph.outputs.size())});
  constexpr size_t kBytesOfSlot = sizeof(uint8_t) + 2 * sizeof(int32_t);
  const size_t stateBytes = static_cast<size_t>(stateSize()) * sizeof(float);
  const auto slots = static_cast<size_t>(capacity);
  // In double, because it may be more than there are addresses.
  const double needed = static_cast<double>(slots) * static_cast<double>(stateBytes + kBytesOfSlot);
  requireMemory(static_cast<size_t>(std::min(needed, 0x1p62)),
                cat("sessions: a pool with capacity ", capacity));
  states_ = Buffer(slots * stateBytes);
  isOpen_.reserve(slots);
  closed_.reserve(slots);
  steps_.reserve(slots);
}

size_t SessionPool::bytes() const {
  return sizeof(SessionPool) + stepper_.bytes() + states_.bytes() + isOpen_.capacity() +
         (closed_.capacity() + steps_.capacity() + chosen_.capacity()) * sizeof(int32_t) +
         overlapped_.capacity() * sizeof(float);
}

int32_t SessionPool::open(const float* state) {
  if (size_ == capacity_)
    fail(Code::Busy, cat("the pool is full: all ", capacity_, " sessions of its capacity are open"),
         {.option = "capacity",
          .expected = cat("at most ", capacity_, " open sessions"),
          .received = cat(int64_t{size_} + 1)});
  int32_t slot;
  if (closed_.empty()) {
    slot = static_cast<int32_t>(isOpen_.size());
    isOpen_.push_back(1);
    steps_.push_back(step_);
  } else {
    slot = closed_.back();
    closed_.pop_back();
    isOpen_[static_cast<size_t>(slot)] = 1;
  }
  ++size_;
  if (state)
    std::copy_n(state, stateSize(), stateAt(slot));
  else
    stepper_.start(*model_, stateAt(slot));
  return slot;
}

size_t SessionPool::indexOf(double slot) const {
  if (slot >= 0 && slot < static_cast<double>(isOpen_.size()) && slot == std::floor(slot) &&
      isOpen_[static_cast<size_t>(slot)])
    return static_cast<size_t>(slot);
  fail(Code::InvalidArgument, cat("slot ", slot, " is not open"),
       {.option = "slot", .expected = "an open slot", .received = cat(slot)});
}

void SessionPool::close(double slot) {
  const size_t index = indexOf(slot);
  isOpen_[index] = 0;
  closed_.push_back(static_cast<int32_t>(index));
  --size_;
}

const float* SessionPool::state(double slot) const {
  return states_.as<float>() + static_cast<int64_t>(indexOf(slot)) * stateSize();
}

// Nothing of the pool changes until all slots are known to be good.
void SessionPool::choose(const int32_t* slots, int64_t count) {
  chosen_.assign(slots, slots + count);
  if (++step_ == 0) {
    std::fill(steps_.begin(), steps_.end(), 0);
    step_ = 1;
  }
  for (size_t i = 0; i < chosen_.size(); ++i) {
    const auto refuse = [&](const char* why, const char* expected) {
      fail(Code::InvalidArgument, cat("slots[", i, "]: slot ", chosen_[i], why),
           {.option = "slots", .expected = expected, .received = cat(chosen_[i])});
    };
    const auto slot = static_cast<uint32_t>(chosen_[i]);
    if (slot >= isOpen_.size() || !isOpen_[slot]) refuse(" is not open", "open slots");
    if (steps_[slot] == step_) refuse(" comes twice in one step", "each slot once");
    steps_[slot] = step_;
  }
}

void SessionPool::step(const int32_t* slots, int64_t count, const float* xs, float* out) {
  choose(slots, count);
  stepper_.checkInput(0, xs, count);
  // What a group writes must not be read by the next one.
  if (overlap(xs, count * inputSize(), out, count * outputSize())) {
    overlapped_.assign(xs, xs + count * inputSize());
    xs = overlapped_.data();
  }
  const std::shared_ptr<Snapshot> weights = model_->currentWeights();
  for (int64_t done = 0; done < count;) {
    const int64_t group = stepper_.groupFor(count - done);
    stepGroup(*weights, chosen_.data() + done, group, xs + done * inputSize(),
              out + done * outputSize());
    done += group;
  }
}

void SessionPool::stepGroup(const Snapshot& weights, const int32_t* slots, int64_t group,
                            const float* xs, float* out) {
  const std::vector<int64_t>& sizes = stepper_.stateSizes();
  stepper_.setInput(0, xs, group);
  for (int64_t row = 0; row < group; ++row) {
    const float* state = stateAt(slots[row]);
    for (size_t s = 0; s < sizes.size(); state += sizes[s++])
      std::copy_n(state, sizes[s], stepper_.stateIn(s) + row * sizes[s]);
  }
  stepper_.run(weights, group);
  for (int64_t offset = 0, s = 0; s < static_cast<int64_t>(sizes.size()); ++s) {
    const int64_t size = sizes[static_cast<size_t>(s)];
    const float* from = stepper_.stateOut(static_cast<size_t>(s));
    for (int64_t row = 0; row < group; ++row)
      std::copy_n(from + row * size, size, stateAt(slots[row]) + offset);
    offset += size;
  }
  std::copy_n(stepper_.output(0), group * outputSize(), out);
}

}  // namespace sluice
