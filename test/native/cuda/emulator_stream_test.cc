// Streams, events and graphs of the emulator.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "cuda/emulator_kernels.h"
#include "cuda/emulator_support.h"

namespace sluice::test {
namespace {

// Pinned memory of the host.
class Pinned {
 public:
  explicit Pinned(const std::vector<float>& values) : count_(values.size()) {
    expectOk(cudaMallocHost(&data_, bytes()));
    std::copy(values.begin(), values.end(), data_);
  }
  ~Pinned() { expectOk(cudaFreeHost(data_)); }
  Pinned(const Pinned&) = delete;

  float* data() const { return data_; }
  size_t bytes() const { return count_ * sizeof(float); }
  std::vector<float> values() const { return {data_, data_ + count_}; }

 private:
  float* data_ = nullptr;
  size_t count_;
};

// What `record` puts into the stream, as a graph that can be launched.
class Graph {
 public:
  template <typename F>
  Graph(cudaStream_t stream, F&& record) {
    expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    record();
    cudaGraph_t graph = nullptr;
    expectOk(cudaStreamEndCapture(stream, &graph));
    expectOk(cudaGraphInstantiate(&exec_, graph, 0));
    expectOk(cudaGraphDestroy(graph));
  }
  ~Graph() { expectOk(cudaGraphExecDestroy(exec_)); }
  Graph(const Graph&) = delete;

  void launch(cudaStream_t stream) const { expectOk(cudaGraphLaunch(exec_, stream)); }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

void scale(cudaStream_t stream, const Array<float>& in, float factor, const Array<float>& out) {
  const int count = static_cast<int>(in.bytes() / sizeof(float));
  expectOk(launchScale(configure(1, 32, stream), in.data(), factor, out.data(), count));
}

void copyOut(cudaStream_t stream, const Array<float>& from, const Pinned& to) {
  expectOk(cudaMemcpyAsync(to.data(), from.data(), to.bytes(), cudaMemcpyDeviceToHost, stream));
}

const std::vector<float> kOnes = {1, 1};
const std::vector<float> kTwos = {2, 2};

// --- streams and events -------------------------------------------------------------------------

TEST(CudaEmulatorStream, RunsNothingUntilSomebodyWaits) {
  const Setting setting("SLUICE_EMULATOR_STREAMS", "late");
  const Stream stream;
  const Array<float> x(kOnes);
  const Array<float> y(2);
  const Pinned out(std::vector<float>{-1, -1});
  scale(stream, x, 2, y);
  copyOut(stream, y, out);
  EXPECT_EQ(out.values(), (std::vector<float>{-1, -1}));
  expectOk(cudaStreamSynchronize(stream));
  EXPECT_EQ(out.values(), kTwos);
}

TEST(CudaEmulatorStream, ImmediateWhereAskedFor) {
  const Setting setting("SLUICE_EMULATOR_STREAMS", "immediate");
  const Stream stream;
  const Array<float> x(kTwos);
  const Pinned out(kOnes);
  copyOut(stream, x, out);
  EXPECT_EQ(out.values(), kTwos);
  expectOk(cudaStreamQuery(stream));
}

TEST(CudaEmulatorStream, AskingComesToAnEnd) {
  const Setting setting("SLUICE_EMULATOR_STREAMS", "late");
  const Stream stream;
  const Event event;
  const Array<float> x(kTwos);
  const Pinned out(kOnes);
  copyOut(stream, x, out);
  expectOk(cudaEventRecord(event, stream));
  copyOut(stream, x, out);
  int asked = 0;
  while (cudaEventQuery(event) == cudaErrorNotReady) ++asked;
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);  // it is no error
  expectOk(cudaStreamQuery(stream));
}

TEST(CudaEmulatorStream, PageableMemoryIsCopiedBeforeTheCallReturns) {
  const Stream stream;
  const Array<float> x(2);
  std::vector<float> host = kTwos;
  expectOk(cudaMemcpyAsync(x.data(), host.data(), 8, cudaMemcpyHostToDevice, stream));
  host = kOnes;
  expectOk(cudaStreamSynchronize(stream));
  EXPECT_EQ(x.values(), kTwos);
}

TEST(CudaEmulatorStream, WaitsForEventsOfOtherStreams) {
  const Setting setting("SLUICE_EMULATOR_STREAMS", "late");
  const Stream first;
  const Stream second;
  const Event event;
  const Array<float> x(kOnes);
  const Array<float> y(2);
  const Array<float> z(2);
  const Pinned out(kOnes);
  scale(first, x, 2, y);
  expectOk(cudaEventRecord(event, first));
  scale(second, y, 1, z);  // has not waited
  copyOut(second, z, out);
  expectOk(cudaStreamSynchronize(second));
  EXPECT_TRUE(std::isnan(out.values()[0]));
  expectOk(cudaStreamWaitEvent(second, event, 0));
  scale(second, y, 1, z);
  copyOut(second, z, out);
  expectOk(cudaStreamSynchronize(second));
  EXPECT_EQ(out.values(), kTwos);
}

TEST(CudaEmulatorStream, EventsMeasureTime) {
  cudaEvent_t start = nullptr;
  cudaEvent_t end = nullptr;
  expectOk(cudaEventCreate(&start));
  expectOk(cudaEventCreate(&end));
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle);
  expectOk(cudaEventRecord(start, nullptr));
  expectOk(cudaEventRecord(end, nullptr));
  expectOk(cudaEventSynchronize(end));
  expectOk(cudaEventElapsedTime(&milliseconds, start, end));
  EXPECT_GE(milliseconds, 0);
  expectOk(cudaEventDestroy(start));
  EXPECT_EQ(cudaEventDestroy(start), cudaErrorInvalidResourceHandle);
  expectOk(cudaEventDestroy(end));
  cudaGetLastError();
}

TEST(CudaEmulatorStream, RefusesHandlesThatAreNone) {
  cudaStream_t stream = nullptr;
  expectOk(cudaStreamCreate(&stream));
  expectOk(cudaStreamDestroy(stream));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(launchMixedBarriers(configure(1, 32, stream)), cudaErrorInvalidResourceHandle);
  cudaGetLastError();
}

TEST(CudaEmulatorStream, SeveralHostThreads) {
  const auto work = [] {
    const Stream stream;
    const Array<float> x(kOnes);
    const Pinned out(kOnes);
    for (int i = 0; i < 50; ++i) scale(stream, x, 2, x);
    for (int i = 0; i < 49; ++i) scale(stream, x, 0.5f, x);
    copyOut(stream, x, out);
    expectOk(cudaStreamSynchronize(stream));
    EXPECT_EQ(out.values(), kTwos);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

// --- graphs -------------------------------------------------------------------------------------

TEST(CudaEmulatorGraph, ReplaysTheValuesOfTheCall) {
  const Stream stream;
  const Array<float> x(kOnes);
  const Pinned in(kTwos);
  const Pinned out(kOnes);
  float factor = 2;
  const Graph graph(stream, [&] {
    expectOk(cudaMemcpyAsync(x.data(), in.data(), in.bytes(), cudaMemcpyHostToDevice, stream));
    scale(stream, x, factor, x);
    copyOut(stream, x, out);
    factor = 100;
  });
  expectOk(cudaStreamSynchronize(stream));
  EXPECT_EQ(out.values(), kOnes);  // a capture runs nothing
  graph.launch(stream);
  expectOk(cudaStreamSynchronize(stream));
  EXPECT_EQ(out.values(), (std::vector<float>{4, 4}));
  in.data()[1] = 7;  // but what memory holds is read when it runs
  graph.launch(stream);
  expectOk(cudaStreamSynchronize(stream));
  EXPECT_EQ(out.values(), (std::vector<float>{4, 14}));
}

TEST(CudaEmulatorGraph, ForksAndJoins) {
  for (const char* order : {"forward", "backward", "random"}) {
    const Setting setting("SLUICE_EMULATOR_ORDER", order);
    const Stream stream;
    const Stream side;
    const Event fork;
    const Event join;
    const Array<float> x(kOnes);
    const Array<float> y(kOnes);
    const Array<float> z(kOnes);
    const Graph graph(stream, [&] {
      scale(stream, x, 2, x);
      expectOk(cudaEventRecord(fork, stream));
      expectOk(cudaStreamWaitEvent(side, fork, 0));
      cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
      expectOk(cudaStreamIsCapturing(side, &status));
      EXPECT_EQ(status, cudaStreamCaptureStatusActive);
      scale(side, x, 3, y);
      scale(stream, x, 5, z);
      expectOk(cudaEventRecord(join, side));
      expectOk(cudaStreamWaitEvent(stream, join, 0));
      scale(stream, y, 7, x);
    });
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusActive;
    expectOk(cudaStreamIsCapturing(side, &status));
    EXPECT_EQ(status, cudaStreamCaptureStatusNone);
    graph.launch(stream);
    expectOk(cudaStreamSynchronize(stream));
    EXPECT_EQ(x.values(), (std::vector<float>{42, 42})) << order;
    EXPECT_EQ(z.values(), (std::vector<float>{10, 10})) << order;
  }
}

TEST(CudaEmulatorGraph, BranchesThatDependOnEachOtherUnawaresAreSeen) {
  const Stream stream;
  const Stream side;
  const Event fork;
  const Event join;
  const Array<float> x(kOnes);
  const Array<float> y(2);
  const Array<float> z(2);
  const Graph graph(stream, [&] {
    expectOk(cudaEventRecord(fork, stream));
    expectOk(cudaStreamWaitEvent(side, fork, 0));
    scale(stream, x, 2, y);
    scale(side, y, 1, z);  // reads what the other branch may not have written yet
    expectOk(cudaEventRecord(join, side));
    expectOk(cudaStreamWaitEvent(stream, join, 0));
  });
  const Setting setting("SLUICE_EMULATOR_ORDER", "backward");
  graph.launch(stream);
  expectOk(cudaStreamSynchronize(stream));
  EXPECT_TRUE(std::isnan(z.values()[0]));
}

TEST(CudaEmulatorGraph, RefusesWhatACaptureCannotHold) {
  const Stream stream;
  const Stream side;
  const Event event;
  const Array<float> x(kOnes);
  cudaGraph_t graph = nullptr;
  const auto end = [&] { return cudaStreamEndCapture(stream, &graph); };

  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end(), cudaErrorIllegalState);

  // Waiting
  expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(launchScale(configure(1, 32, stream), x.data(), 1, x.data(), 2),
            cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(graph, nullptr);

  // Work that does not come back
  expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  expectOk(cudaEventRecord(event, stream));
  expectOk(cudaStreamWaitEvent(side, event, 0));
  scale(side, x, 1, x);
  EXPECT_EQ(end(), cudaErrorStreamCaptureUnjoined);

  // Events from inside and outside
  expectOk(cudaEventRecord(event, side));
  expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  EXPECT_EQ(cudaStreamWaitEvent(stream, event, 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
  expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  expectOk(cudaEventRecord(event, stream));
  EXPECT_EQ(cudaEventQuery(event), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaStreamEndCapture(side, &graph), cudaErrorIllegalState);
  expectOk(end());
  expectOk(cudaGraphDestroy(graph));
  cudaGetLastError();
}

TEST(CudaEmulatorGraph, AllocatesInRelaxedCapturesOnly) {
  const Stream stream;
  cudaGraph_t graph = nullptr;
  void* pointer = nullptr;
  expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  expectOk(cudaMalloc(&pointer, 4));
  expectOk(cudaStreamEndCapture(stream, &graph));
  expectOk(cudaGraphDestroy(graph));
  expectOk(cudaFree(pointer));
  expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  std::thread([&] { expectOk(cudaMalloc(&pointer, 4)); }).join();
  EXPECT_EQ(cudaFree(pointer), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  expectOk(cudaFree(pointer));
  expectOk(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  std::thread([&] {
    EXPECT_EQ(cudaMalloc(&pointer, 4), cudaErrorStreamCaptureUnsupported);
  }).join();
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  cudaGetLastError();
}

TEST(CudaEmulatorGraph, OutlivesWhatItWasMadeOf) {
  const Stream stream;
  const Array<float> x(kOnes);
  cudaGraphExec_t exec = nullptr;
  {
    const Graph graph(stream, [&] { scale(stream, x, 2, x); });
    graph.launch(stream);
  }  // destroyed while the launch may still be under way
  expectOk(cudaStreamSynchronize(stream));
  EXPECT_EQ(x.values(), kTwos);
  EXPECT_EQ(cudaGraphLaunch(exec, stream), cudaErrorInvalidValue);
  cudaGetLastError();
}

}  // namespace
}  // namespace sluice::test
