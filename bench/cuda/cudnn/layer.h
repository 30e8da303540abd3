// One GRU layer in cuDNN: descriptors, weights and the three passes of a training step.
#pragma once

#include <cudnn.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/cases.h"
#include "support/check.h"
#include "support/gru_cases.h"

namespace cudnn {

using namespace bench;

// In the order in which they are measured.
constexpr cudnnRNNAlgo_t kAlgorithms[] = {CUDNN_RNN_ALGO_STANDARD, CUDNN_RNN_ALGO_PERSIST_STATIC,
                                          CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H,
                                          CUDNN_RNN_ALGO_PERSIST_DYNAMIC};
constexpr const char* kAlgorithmNames[] = {"STANDARD", "PERSIST_STATIC", "PERSIST_STATIC_SMALL_H",
                                           "PERSIST_DYNAMIC"};
constexpr int kAlgorithmCount = 4;

// The same memory, as all sequences are equally long. Without padded I/O, cuDNN takes packed
// sequences alone; with it, padded ones.
enum class Layout { Packed, Padded };
constexpr const char* kLayoutNames[] = {"packed", "padded"};

// A status that says no is a result. One that says that something broke is a failure.
inline void check(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char detail[256] = {};
  cudnnGetLastErrorString(detail, sizeof detail);
  const std::string words = std::string(what) + ": " + cudnnGetErrorString(status) + " " + detail;
  const int category = static_cast<int>(status) / 1000;
  if (category == CUDNN_STATUS_EXECUTION_FAILED / 1000 ||
      category == CUDNN_STATUS_INTERNAL_ERROR / 1000)
    throw std::runtime_error(words);
  throw Refused(words);
}

template <typename T, cudnnStatus_t (*kCreate)(T*), cudnnStatus_t (*kDestroy)(T)>
class Handle {
 public:
  Handle() { check(kCreate(&handle_), "create"); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { kDestroy(handle_); }
  operator T() const { return handle_; }

 private:
  T handle_ = nullptr;
};
using Library = Handle<cudnnHandle_t, cudnnCreate, cudnnDestroy>;
using Rnn = Handle<cudnnRNNDescriptor_t, cudnnCreateRNNDescriptor, cudnnDestroyRNNDescriptor>;
using Sequence =
    Handle<cudnnRNNDataDescriptor_t, cudnnCreateRNNDataDescriptor, cudnnDestroyRNNDataDescriptor>;
using Tensor =
    Handle<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using Dropout =
    Handle<cudnnDropoutDescriptor_t, cudnnCreateDropoutDescriptor, cudnnDestroyDropoutDescriptor>;

inline cudnnDataType_t typeOf(Numbers numbers) {
  return numbers == Numbers::BFloat16  ? CUDNN_DATA_BFLOAT16
         : numbers == Numbers::Float16 ? CUDNN_DATA_HALF
                                       : CUDNN_DATA_FLOAT;
}
// As PyTorch asks: float32 strictly, or as cuDNN likes it, which is in TF32.
inline cudnnMathType_t mathOf(Numbers numbers) {
  return numbers == Numbers::Float32         ? CUDNN_FMA_MATH
         : numbers == Numbers::TensorFloat32 ? CUDNN_DEFAULT_MATH
                                             : CUDNN_TENSOR_OP_MATH;
}
inline size_t bytesOf(Numbers numbers) {
  return typeOf(numbers) == CUDNN_DATA_FLOAT ? sizeof(float) : sizeof(uint16_t);
}

using Memory = Buffer<unsigned char>;

// Sequences lie steps first: [T,B,I] and [T,B,H].
class Layer {
 public:
  Layer(cudnnHandle_t library, cudnnRNNAlgo_t algorithm, Layout layout, Numbers numbers,
        const GruSizes& s)
      : library_(library), lengths_(static_cast<size_t>(s.batch)) {
    describe(algorithm, layout, numbers, s);
    allocate(numbers, s);
  }

  void forward(cudnnForwardMode_t mode) {
    const bool isTraining = mode == CUDNN_FWD_MODE_TRAINING;
    check(cudnnRNNForward(library_, rnn_, mode, lengths_.data(), x_, x->data(), y_, y->data(),
                          state_, initialState->data(), finalState->data(), state_, nullptr,
                          nullptr, weights->bytes(), weights->data(), work_->bytes(), work_->data(),
                          isTraining ? reserve_->bytes() : 0,
                          isTraining ? reserve_->data() : nullptr),
          "cudnnRNNForward");
  }
  void backwardData() {
    check(cudnnRNNBackwardData_v8(library_, rnn_, lengths_.data(), y_, y->data(), dy->data(), x_,
                                  dx->data(), state_, initialState->data(), nullptr,
                                  dInitialState->data(), state_, nullptr, nullptr, nullptr,
                                  weights->bytes(), weights->data(), work_->bytes(), work_->data(),
                                  reserve_->bytes(), reserve_->data()),
          "cudnnRNNBackwardData_v8");
  }
  // Adds to dWeights.
  void backwardWeights() {
    check(cudnnRNNBackwardWeights_v8(library_, rnn_, CUDNN_WGRAD_MODE_ADD, lengths_.data(), x_,
                                     x->data(), state_, initialState->data(), y_, y->data(),
                                     weights->bytes(), dWeights->data(), work_->bytes(),
                                     work_->data(), reserve_->bytes(), reserve_->data()),
          "cudnnRNNBackwardWeights_v8");
  }
  void clearWeightGradients(cudaStream_t stream) {
    bench::check(cudaMemsetAsync(dWeights->data(), 0, dWeights->bytes(), stream), "clear");
  }

  struct Place {
    size_t matrix, bias;  // in bytes from the start of the weights
  };
  // Linear layers 0 to 2 multiply x, 3 to 5 multiply h; in each three r, z, n. Matrices [H,I],
  // [H,H].
  Place placeOf(int linearLayer) const {
    const Tensor matrix, bias;
    void *matrixAt = nullptr, *biasAt = nullptr;
    check(cudnnGetRNNWeightParams(library_, rnn_, 0, weights->bytes(), weights->data(), linearLayer,
                                  matrix, &matrixAt, bias, &biasAt),
          "cudnnGetRNNWeightParams");
    const auto offset = [&](void* at) {
      return static_cast<size_t>(static_cast<unsigned char*>(at) - weights->data());
    };
    return {offset(matrixAt), offset(biasAt)};
  }

  std::unique_ptr<Memory> weights, dWeights, x, dx, y, dy, initialState, dInitialState, finalState;

 private:
  void describe(cudnnRNNAlgo_t algorithm, Layout layout, Numbers numbers, const GruSizes& s) {
    const cudnnDataType_t type = typeOf(numbers);
    const bool isPacked = layout == Layout::Packed;
    check(cudnnSetDropoutDescriptor(dropout_, library_, 0, nullptr, 0, 0), "dropout");
    // Without a projection, its size is that of the state.
    check(cudnnSetRNNDescriptor_v8(
              rnn_, algorithm, CUDNN_GRU, CUDNN_RNN_DOUBLE_BIAS, CUDNN_UNIDIRECTIONAL,
              CUDNN_LINEAR_INPUT, type, CUDNN_DATA_FLOAT, mathOf(numbers), s.features, s.units,
              s.units, 1, dropout_,
              isPacked ? CUDNN_RNN_PADDED_IO_DISABLED : CUDNN_RNN_PADDED_IO_ENABLED),
          "cudnnSetRNNDescriptor_v8");
    if (algorithm == CUDNN_RNN_ALGO_PERSIST_DYNAMIC)
      check(cudnnBuildRNNDynamic(library_, rnn_, s.batch), "cudnnBuildRNNDynamic");
    const std::vector<int> lengths(static_cast<size_t>(s.batch), s.steps);
    lengths_.put(lengths.data());
    const auto set = [&](const Sequence& sequence, int width) {
      check(cudnnSetRNNDataDescriptor(sequence, type,
                                      isPacked ? CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED
                                               : CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
                                      s.steps, s.batch, width, lengths.data(), nullptr),
            "cudnnSetRNNDataDescriptor");
    };
    set(x_, s.features);
    set(y_, s.units);
    const int extents[] = {1, s.batch, s.units}, strides[] = {s.batch * s.units, s.units, 1};
    check(cudnnSetTensorNdDescriptor(state_, type, 3, extents, strides), "state");
  }

  void allocate(Numbers numbers, const GruSizes& s) {
    size_t weightBytes = 0, work = 0, reserve = 0, inferenceWork = 0, none = 0;
    check(cudnnGetRNNWeightSpaceSize(library_, rnn_, &weightBytes), "cudnnGetRNNWeightSpaceSize");
    check(cudnnGetRNNTempSpaceSizes(library_, rnn_, CUDNN_FWD_MODE_TRAINING, x_, &work, &reserve),
          "cudnnGetRNNTempSpaceSizes");
    check(cudnnGetRNNTempSpaceSizes(library_, rnn_, CUDNN_FWD_MODE_INFERENCE, x_, &inferenceWork,
                                    &none),
          "cudnnGetRNNTempSpaceSizes");
    const size_t size = bytesOf(numbers);
    const size_t rows = static_cast<size_t>(s.batch), cells = rows * static_cast<size_t>(s.steps);
    const size_t stateBytes = rows * static_cast<size_t>(s.units) * size;
    const auto make = [](size_t bytes) { return std::make_unique<Memory>(bytes); };
    // At least a byte each, so that there is an address.
    work_ = make(std::max({work, inferenceWork, size_t{1}}));
    reserve_ = make(std::max(reserve, size_t{1}));
    weights = make(weightBytes);
    dWeights = make(weightBytes);
    x = make(cells * static_cast<size_t>(s.features) * size);
    dx = make(x->bytes());
    y = make(cells * static_cast<size_t>(s.units) * size);
    dy = make(y->bytes());
    initialState = make(stateBytes);
    dInitialState = make(stateBytes);
    finalState = make(stateBytes);
    // Not numbers: what is not written is seen.
    for (Memory* output : {dx.get(), y.get(), dInitialState.get(), finalState.get()})
      output->fillBytes(0xff);
  }

  cudnnHandle_t library_;
  Dropout dropout_;
  Rnn rnn_;
  Sequence x_, y_;
  Tensor state_;
  Buffer<int> lengths_;
  std::unique_ptr<Memory> work_, reserve_;
};

}  // namespace cudnn
