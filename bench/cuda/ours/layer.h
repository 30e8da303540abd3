// One GRU layer of Sluice's CUDA backend, called through the backend interface as the engine does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/stream.h"
#include "engine/backend/backend.h"
#include "engine/backend/device.h"
#include "support/backend.h"
#include "support/cases.h"
#include "support/check.h"
#include "support/device_fill.h"
#include "support/gru_reference.h"

namespace ours {

using namespace bench;
using sluice::DType;
using sluice::makeShape;
using sluice::Shape;
using sluice::TensorView;
namespace recurrent = sluice::recurrent;
namespace recurrentBackward = sluice::recurrentBackward;

// Device memory that lives as long as the layer.
class Memory {
 public:
  void* bytes(size_t count) {
    buffers_.push_back(std::make_unique<Buffer<unsigned char>>(std::max(count, size_t{1})));
    buffers_.back()->fillBytes(0xff);  // not numbers: what is not written is seen
    return buffers_.back()->data();
  }
  TensorView tensor(const Shape& shape) {
    TensorView view{nullptr, DType::Float32, shape};
    view.data = bytes(view.bytes());
    return view;
  }

 private:
  std::vector<std::unique_ptr<Buffer<unsigned char>>> buffers_;
};

// One call of a kernel, with the memory that the engine would give it.
class Call {
 public:
  Call(const sluice::Backend& backend, sluice::Op op, const void* attributes,
       const sluice::RunContext& context)
      : backend_(backend), kernel_((*backend.kernels(DType::Float32))[static_cast<size_t>(op)]) {
    if (kernel_.launch == nullptr)
      throw Refused(std::string("there is no kernel for ") + sluice::opName(op));
    call_.op = op;
    call_.attributes = attributes;
    call_.context = &context;
  }

  std::vector<TensorView> in, out;

  size_t reserveBytes() {
    setArguments();
    return kernel_.reserveBytes ? kernel_.reserveBytes(call_) : 0;
  }
  // When all arguments are there.
  void prepare(Memory& memory) {
    setArguments();
    if (const char* reason = kernel_.whyNot ? kernel_.whyNot(call_) : nullptr)
      throw Refused(reason);
    if (kernel_.scratchBytes) call_.scratch = memory.bytes(kernel_.scratchBytes(call_));
    if (kernel_.packedBytes) call_.packed = packed_ = memory.bytes(kernel_.packedBytes(call_));
  }
  // What happens once for each version of the weights.
  void pack() {
    if (kernel_.pack) kernel_.pack(call_, packed_);
  }
  void run() {
    const int32_t status = kernel_.launch(call_);
    if (status != 0) throw std::runtime_error(backend_.statusText(status));
  }
  std::string how() const {
    const char* how = kernel_.describe ? kernel_.describe(call_).how : nullptr;
    return how ? how : "";
  }

 private:
  void setArguments() {
    call_.in = in.data();
    call_.inCount = static_cast<int32_t>(in.size());
    call_.out = out.data();
    call_.outCount = static_cast<int32_t>(out.size());
  }

  const sluice::Backend& backend_;
  const sluice::Kernel& kernel_;
  sluice::OpCall call_;
  void* packed_ = nullptr;
};

class Layer {
 public:
  Layer(const sluice::Backend& backend, Numbers numbers, const GruSizes& s, bool isTraining)
      : queue(*backend.device()),
        context_(contextOf(backend, numbers)),
        forward(backend, sluice::Op::Gru, &attributes_, context_),
        backward(backend, sluice::Op::GruBackward, &attributes_, context_) {
    attributes_.activation.kind = sluice::ActivationKind::Tanh;
    attributes_.recurrentActivation.kind = sluice::ActivationKind::Sigmoid;
    const int64_t B = s.batch, T = s.steps, I = s.features, H = s.units;
    forward.in.resize(recurrent::kInCount);
    forward.in[recurrent::kX] = memory_.tensor(makeShape(B, T, I));
    forward.in[recurrent::kKernel] = memory_.tensor(makeShape(I, 3 * H));
    forward.in[recurrent::kRecurrentKernel] = memory_.tensor(makeShape(H, 3 * H));
    forward.in[recurrent::kBias] = memory_.tensor(makeShape(2, 3 * H));
    forward.in[recurrent::kInitialState] = memory_.tensor(makeShape(B, H));
    forward.out.resize(recurrent::kOutCount);
    forward.out[recurrent::kSequence] = memory_.tensor(makeShape(B, T, H));
    forward.out[recurrent::kFinalState] = memory_.tensor(makeShape(B, H));
    if (isTraining) addReserve();
    forward.prepare(memory_);
    if (isTraining) addBackward(B, T, H);
  }

  // Seeds of bench/native/data.h for the inputs that have any.
  struct Input {
    TensorView view;
    Seed seed;
    float scale;
  };
  std::vector<Input> inputs() const {
    const auto& in = forward.in;
    const float scale = 1 / std::sqrt(static_cast<float>(in[recurrent::kRecurrentKernel].shape[0]));
    std::vector<Input> list = {{in[recurrent::kX], kX, 1},
                               {in[recurrent::kKernel], kKernel, scale},
                               {in[recurrent::kRecurrentKernel], kRecurrentKernel, scale},
                               {in[recurrent::kBias], kBias, scale},
                               {in[recurrent::kInitialState], kInitialState, 1}};
    if (!backward.in.empty())
      list.push_back({backward.in[recurrentBackward::kDSequence], kOutputGradient, 1});
    return list;
  }
  void fillInputs() const {
    for (const Input& input : inputs())
      fillOnDevice(input.view.as<float>(), input.view.shape.elements(), input.seed, input.scale);
    synchronize("inputs");
  }

  // The stream behind the queue, for events.
  cudaStream_t stream() const {
    return static_cast<sluice::cuda::Stream*>(queue.handle())->handle();
  }

  sluice::Queue queue;

 private:
  sluice::RunContext contextOf(const sluice::Backend& backend, Numbers numbers) {
    if (const char* reason = backend.whyNot(precisionOf(numbers))) throw Refused(reason);
    position_.fillBytes(0);
    sluice::RunContext context;
    context.precision = precisionOf(numbers);
    context.queue = queue.handle();
    context.position = position_.data();
    return context;
  }

  void addReserve() {
    TensorView& reserve = forward.out[recurrent::kReserve];
    reserve = {nullptr, DType::Bool, makeShape(0)};
    const size_t bytes = forward.reserveBytes();
    reserve.shape = makeShape(static_cast<int64_t>(bytes));
    reserve.data = memory_.bytes(bytes);
  }

  void addBackward(int64_t B, int64_t T, int64_t H) {
    backward.in = forward.in;
    backward.in.resize(recurrentBackward::kInCount);
    backward.in[recurrentBackward::kReserve] = forward.out[recurrent::kReserve];
    backward.in[recurrentBackward::kDSequence] = memory_.tensor(makeShape(B, T, H));
    backward.out.resize(recurrentBackward::kOutCount);
    const auto gradient = [&](int output, int input) {
      backward.out[static_cast<size_t>(output)] =
          memory_.tensor(forward.in[static_cast<size_t>(input)].shape);
    };
    gradient(recurrentBackward::kDx, recurrent::kX);
    gradient(recurrentBackward::kDKernel, recurrent::kKernel);
    gradient(recurrentBackward::kDRecurrentKernel, recurrent::kRecurrentKernel);
    gradient(recurrentBackward::kDBias, recurrent::kBias);
    gradient(recurrentBackward::kDInitialState, recurrent::kInitialState);
    backward.prepare(memory_);
  }

  Memory memory_;
  Buffer<sluice::RunPosition> position_{1};
  sluice::RecurrentAttributes attributes_;
  sluice::RunContext context_;

 public:
  Call forward, backward;
};

}  // namespace ours
