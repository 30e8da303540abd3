// One call of a CPU kernel, with the memory that the engine would give it.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "cpu/cpu.h"

namespace bench {

// Zeros, aligned as the engine aligns them.
class Buffer {
 public:
  explicit Buffer(size_t bytes)
      : bytes_(bytes + 64), data_(::operator new (bytes_, std::align_val_t{64})) {
    std::memset(data_, 0, bytes_);
  }
  ~Buffer() { ::operator delete (data_, std::align_val_t{64}); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }

 private:
  size_t bytes_;
  void* data_;
};

class Call {
 public:
  // `attributes` has to outlive the call.
  Call(sluice::Op op, const void* attributes, int threads) : kernel_(kernelOf(op)) {
    call_.op = op;
    call_.attributes = attributes;
    context_.threads = threads;
    call_.context = &context_;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  std::vector<sluice::TensorView> in, out;

  sluice::TensorView tensor(sluice::Shape shape) {
    sluice::TensorView view{nullptr, sluice::DType::Float32, shape};
    view.data = memory(view.bytes());
    return view;
  }

  // Bytes of the opaque output, when all others are there.
  size_t reserveBytes() {
    setArguments();
    return kernel_.reserveBytes(call_);
  }

  // When all arguments are there: scratch and packed weights.
  void prepare() {
    setArguments();
    if (kernel_.scratchBytes) call_.scratch = memory(kernel_.scratchBytes(call_));
    if (kernel_.packedBytes) call_.packed = packed_ = memory(kernel_.packedBytes(call_));
    pack();
  }
  // What happens once for each version of the weights.
  void pack() {
    if (kernel_.pack) kernel_.pack(call_, packed_);
  }
  void run() { kernel_.launch(call_); }

 private:
  static const sluice::Kernel& kernelOf(sluice::Op op) {
    static const std::unique_ptr<sluice::Backend> backend = sluice::makeCpuBackend();
    return (*backend->kernels(sluice::DType::Float32))[static_cast<size_t>(op)];
  }
  void* memory(size_t bytes) {
    memory_.push_back(std::make_unique<Buffer>(bytes));
    return memory_.back()->data();
  }
  void setArguments() {
    call_.in = in.data();
    call_.inCount = static_cast<int32_t>(in.size());
    call_.out = out.data();
    call_.outCount = static_cast<int32_t>(out.size());
  }

  const sluice::Kernel& kernel_;
  sluice::OpCall call_;
  sluice::RunContext context_;
  void* packed_ = nullptr;
  std::vector<std::unique_ptr<Buffer>> memory_;
};

}  // namespace bench
