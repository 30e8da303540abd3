// What a small kernel in a chain costs: launched one by one or recorded in a graph, each with and
// without programmatic dependent launch, where a kernel may begin before the one before it has
// ended and waits in itself.
#include <memory>

#include "support/launch.h"
#include "support/program.h"

namespace {

using namespace bench;

constexpr int kThreads = 128;
constexpr int kKernels = 1000;
constexpr int kRepeats = 15;

// Adds one to what the kernel before it left, each thread to the cell of another thread of it: a
// kernel that began too early would count wrong.
__global__ void __launch_bounds__(kThreads) step(const uint32_t* from, uint32_t* to) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
  const uint32_t count = gridDim.x * kThreads;
  const uint32_t i = blockIdx.x * kThreads + threadIdx.x;
  to[i] = __ldcg(from + (i + kThreads + 1) % count) + 1;
}

class Chain {
 public:
  Chain(int blocks, bool early) : early_(early), cells_(2) {
    launch_.blocks = static_cast<unsigned>(blocks);
    launch_.threads = kThreads;
    for (auto& cells : cells_)
      cells = std::make_unique<Buffer<uint32_t>>(static_cast<size_t>(blocks) * kThreads);
  }

  void clear() {
    for (auto& cells : cells_) cells->fillBytes(0);
    synchronize("clear");  // the streams of the chains do not wait for the default stream
  }
  void launch(cudaStream_t stream) {
    launch_.stream = stream;
    for (int i = 0; i < kKernels; ++i) {
      // The first one must wait for whatever comes before the chain, so it is launched plainly.
      launch_.early = early_ && i > 0;
      run(launch_, step, static_cast<const uint32_t*>(cells_[i % 2]->data()),
          cells_[(i + 1) % 2]->data());
    }
  }
  // Whether all cells say that `chains` chains were run.
  bool isRight(int chains) const {
    std::vector<uint32_t> got(cells_[0]->count());
    cells_[kKernels % 2]->get(got.data());
    for (const uint32_t cell : got)
      if (cell != static_cast<uint32_t>(chains) * kKernels) return false;
    return true;
  }

 private:
  bool early_;
  Launch launch_;
  std::vector<std::unique_ptr<Buffer<uint32_t>>> cells_;
};

struct Times {
  std::vector<double> device;  // microseconds a kernel
  std::vector<double> host;    // likewise, until the call that launches has returned
};

template <typename Work>
Times timesOf(cudaStream_t stream, Work&& work) {
  Times times;
  int run = 0;
  for (const double us : timed(stream, 2, kRepeats, [&](cudaStream_t s) {
         const Clock clock;
         work(s);
         if (run++ >= 2) times.host.push_back(clock.seconds() * 1e6 / kKernels);
       }))
    times.device.push_back(us / kKernels);
  return times;
}

class Graph {
 public:
  Graph(cudaStream_t stream, Chain& chain) {
    cudaGraph_t graph = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin capture");
    chain.launch(stream);
    check(cudaStreamEndCapture(stream, &graph), "end capture");
    const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    check(status, "cudaGraphInstantiate");
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() { cudaGraphExecDestroy(graph_); }
  void launch(cudaStream_t stream) { check(cudaGraphLaunch(graph_, stream), "cudaGraphLaunch"); }

 private:
  cudaGraphExec_t graph_ = nullptr;
};

void measureChain(Report& report, int blocks, bool early) {
  const Stream stream;
  Chain chain(blocks, early);
  const auto add = [&](const char* how, const Times& times) {
    report.add({{"how", text(how)},
                {"early", boolean(early)},
                {"blocks", integer(blocks)},
                {"kernels", integer(kKernels)},
                {"kernelUs", json(spreadOf(times.device))},
                {"hostUs", json(spreadOf(times.host))}},
               chain.isRight(2 + kRepeats));
  };
  chain.clear();
  add("launches", timesOf(stream, [&](cudaStream_t s) { chain.launch(s); }));
  Graph graph(stream, chain);
  chain.clear();
  add("graph", timesOf(stream, [&](cudaStream_t s) { graph.launch(s); }));
}

void measure(const Machine& machine, Report& report) {
  for (const int blocks : {1, machine.multiprocessors(), 2 * machine.multiprocessors()}) {
    measureChain(report, blocks, false);
    if (machine.isAtLeast(9)) measureChain(report, blocks, true);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::runProgram(
      argc, argv,
      "chains of 1000 kernels of 128 threads a block, each of which reads what "
      "the one before it wrote; early: programmatic dependent launch; hostUs: "
      "until the launching call has returned",
      measure);
}
