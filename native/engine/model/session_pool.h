// Many live sequences of one model, stepped together on the calling thread: each step reads the
// weights once for a group of them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/model/stepper.h"

namespace sluice {

class SessionPool {
 public:
  // UNSUPPORTED names the layer that cannot be stepped, or the number of inputs or outputs where it
  // is not one; OUT_OF_MEMORY before anything is allocated. `capacity` is at least 1.
  SessionPool(std::shared_ptr<Model> model, WeightsType weights, int32_t capacity);

  int32_t capacity() const { return capacity_; }
  int32_t size() const { return size_; }  // open sessions
  int64_t inputSize() const { return stepper_.inputSizes()[0]; }
  int64_t outputSize() const { return stepper_.outputSizes()[0]; }
  int64_t stateSize() const { return stepper_.stateFloats(); }
  size_t bytes() const;

  // A new session's number, from 0 on. Its state is a copy of stateSize() floats, or what comes
  // before a first step where `state` is null. BUSY when `capacity` sessions are open.
  int32_t open(const float* state);
  // INVALID_ARGUMENT where `slot` is not open; so for those below. The number may come again.
  void close(double slot);
  // Valid until the next call.
  const float* state(double slot) const;

  // Takes a step of `count` sessions: reads xs [count, inputSize()], writes out
  // [count, outputSize()], which may overlap each other and `slots`. INVALID_ARGUMENT where a slot
  // is not open or comes twice; then nothing has changed.
  void step(const int32_t* slots, int64_t count, const float* xs, float* out);

 private:
  size_t indexOf(double slot) const;
  void choose(const int32_t* slots, int64_t count);
  void stepGroup(const Snapshot& weights, const int32_t* slots, int64_t group, const float* xs,
                 float* out);
  float* stateAt(int32_t slot) { return states_.as<float>() + slot * stateSize(); }

  std::shared_ptr<Model> model_;
  int32_t capacity_;
  int32_t size_ = 0;
  Stepper stepper_;
  Buffer states_;                // [capacity, stateSize()]
  std::vector<uint8_t> isOpen_;  // of the slots that were ever open
  std::vector<int32_t> closed_;  // of those, the ones that are not
  std::vector<uint32_t> steps_;  // the last step that a slot was chosen for
  uint32_t step_ = 0;
  std::vector<int32_t> chosen_;  // a copy: `out` may lie over the caller's slots
  std::vector<float> overlapped_;
};

}  // namespace sluice
