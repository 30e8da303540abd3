#include "support/launch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>

#include "engine/backend/device.h"
#include "engine/core/buffer.h"

namespace sluice::test {
namespace {

struct Aligned {
  explicit Aligned(size_t bytes) {
    if (bytes) data = ::operator new (bytes, std::align_val_t{64});
    if (bytes) std::memset(data, 0xFF, bytes);
  }
  ~Aligned() {
    if (data) ::operator delete (data, std::align_val_t{64});
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  void* data = nullptr;
};

std::vector<TensorView> views(const std::vector<Tensor>& tensors) {
  std::vector<TensorView> out;
  for (const Tensor& t : tensors) out.push_back(t.view());
  return out;
}

// Without data: what the size functions may look at.
std::vector<TensorView> shapesOnly(std::vector<TensorView> all) {
  for (TensorView& v : all) v.data = nullptr;
  return all;
}

OpCall makeCall(const Case& c, const std::vector<TensorView>& in,
                const std::vector<TensorView>& out) {
  OpCall call;
  call.op = c.op;
  call.attributes = c.attributes;
  call.in = in.data();
  call.inCount = static_cast<int32_t>(in.size());
  call.out = out.data();
  call.outCount = static_cast<int32_t>(out.size());
  return call;
}

DType realOf(const Case& c) {
  for (const auto* list : {&c.in, &c.out}) {
    for (const Tensor& t : *list) {
      if (t.present() && (t.dtype() == DType::Float32 || t.dtype() == DType::Float64))
        return t.dtype();
    }
  }
  return DType::Float32;
}

// Absent until now: a Bool tensor that asks for its reserve.
void sizeOpaque(const Kernel& kernel, Case& c) {
  for (Tensor& t : c.out) {
    if (!t.isOpaque() || !kernel.reserveBytes) continue;
    std::vector<TensorView> in = shapesOnly(views(c.in)), out = shapesOnly(views(c.out));
    for (size_t i = 0; i < c.out.size(); ++i) {
      if (c.out[i].isOpaque()) out[i] = {nullptr, DType::Bool, makeShape(0)};
    }
    const size_t bytes = kernel.reserveBytes(makeCall(c, in, out));
    t = Tensor(DType::Bool, makeShape(bytes));
  }
}

}  // namespace

const Backend& backend(const char* name) {
  const Backend* found = BackendRegistry::instance().find(name);
  if (!found) throw std::runtime_error(std::string("no backend named ") + name);
  return *found;
}

const Kernel& kernelOf(const Backend& backend, const Case& c) {
  const KernelTable* table = backend.kernels(realOf(c));
  if (!table) throw std::runtime_error(backend.name() + " has no kernels of this dtype");
  return (*table)[static_cast<size_t>(c.op)];
}

namespace {

// Where a backend has memory of its own: copies of a case's tensors in there.
class OnDevice {
 public:
  explicit OnDevice(const Device& device) : device_(device), queue_(device) {}

  // The same view there, as far from a boundary as here. Views of one piece of host memory stay
  // views of one piece.
  TensorView upload(TensorView view) {
    if (view.data == nullptr) return view;
    const auto [found, isNew] = copies_.try_emplace(view.data);
    if (isNew) {
      const size_t shift = reinterpret_cast<uintptr_t>(view.data) % 64;
      found->second.memory = memory(view.bytes() + shift);
      found->second.data = found->second.memory.as<uint8_t>() + shift;
      queue_.copyIn(found->second.data, view.data, view.bytes());
    }
    view.data = found->second.data;
    return view;
  }
  Buffer memory(size_t bytes) { return Buffer(bytes, "a test", &device_); }
  void download(const TensorView& view) {
    if (const auto found = copies_.find(view.data); found != copies_.end())
      queue_.copyOut(view.data, found->second.data, view.bytes());
  }
  void fill(const Buffer& buffer) {
    queue_.fill(const_cast<void*>(buffer.data()), 0xFF, buffer.bytes());
  }
  // What changes from run to run lies on the device.
  void prepare(RunContext& context) {
    const RunPosition position{context.seed, context.step, context.rowOffset};
    position_ = memory(sizeof position);
    queue_.copyIn(position_.data(), &position, sizeof position);
    queue_.synchronize();
    context.queue = queue_.handle();
    context.position = position_.as<RunPosition>();
  }
  OptimizerAttributes prepare(OptimizerAttributes attributes, double gradientScale) {
    const OptimizerStep step{attributes.learningRate, attributes.iteration, gradientScale};
    const size_t bytes = static_cast<size_t>(attributes.segmentCount) * sizeof(ParameterSegment);
    step_ = memory(sizeof step);
    segments_ = memory(bytes);
    queue_.copyIn(step_.data(), &step, sizeof step);
    queue_.copyIn(segments_.data(), attributes.segments, bytes);
    queue_.synchronize();
    attributes.stepOnDevice = step_.as<OptimizerStep>();
    attributes.segmentsOnDevice = segments_.as<ParameterSegment>();
    return attributes;
  }
  void synchronize() { queue_.synchronize(); }

 private:
  const Device& device_;
  Queue queue_;
  struct Copy {
    Buffer memory;
    void* data = nullptr;
  };
  std::map<const void*, Copy> copies_;
  Buffer position_, step_, segments_;
};

// A case with all that its kernel asks for.
class Prepared {
 public:
  Prepared(const Backend& backend, Case& c)
      : kernel(kernelOf(backend, c)), case_(c), context_(c.context) {
    if (!kernel.launch) throw std::runtime_error(backend.name() + " lacks op " + opName(c.op));
    sizeOpaque(kernel, c);
    in = views(c.in);
    out = views(c.out);
    if (backend.device()) device_.emplace(*backend.device());
  }

  const Kernel& kernel;
  std::vector<TensorView> in, out;

  // When `in` and `out` are as they are to be.
  const OpCall& call() {
    const std::vector<TensorView> inShapes = shapesOnly(in), outShapes = shapesOnly(out);
    OpCall sizes = makeCall(case_, inShapes, outShapes);
    sizes.context = &context_;
    if (const char* refusal = kernel.whyNot ? kernel.whyNot(sizes) : nullptr)
      throw std::runtime_error(refusal);
    const size_t scratchBytes = kernel.scratchBytes ? kernel.scratchBytes(sizes) : 0;
    if (device_) return callOnDevice(scratchBytes);
    scratch_.emplace(scratchBytes);
    packed_.emplace(kernel.packedBytes ? kernel.packedBytes(sizes) : 0);
    call_ = makeCall(case_, in, out);
    if (packed_->data) kernel.pack(call_, packed_->data);
    call_.scratch = scratch_->data;
    call_.packed = packed_->data;
    call_.context = &context_;
    return call_;
  }

  // After a launch whose status was 0.
  void finish() {
    if (device_) {
      for (const TensorView& view : out) device_->download(view);
      device_->synchronize();
    }
    for (const Tensor& t : case_.in) EXPECT_TRUE(t.guardsIntact());
    for (const Tensor& t : case_.out)
      EXPECT_TRUE(t.guardsIntact()) << "written outside of an output";
  }

 private:
  const OpCall& callOnDevice(size_t scratchBytes) {
    for (auto [from, to] : {std::pair{&in, &deviceIn_}, {&out, &deviceOut_}})
      for (const TensorView& view : *from) to->push_back(device_->upload(view));
    deviceScratch_ = device_->memory(scratchBytes);
    device_->fill(deviceScratch_);
    call_ = makeCall(case_, deviceIn_, deviceOut_);
    if (case_.op == Op::Optimize) {
      optimizer_ = device_->prepare(call_.attr<OptimizerAttributes>(), case_.gradientScale);
      call_.attributes = &optimizer_;
    }
    call_.scratch = deviceScratch_.data();
    device_->prepare(context_);
    call_.context = &context_;
    return call_;
  }

  Case& case_;
  RunContext context_;
  OpCall call_;
  std::optional<Aligned> scratch_, packed_;
  std::optional<OnDevice> device_;
  std::vector<TensorView> deviceIn_, deviceOut_;
  Buffer deviceScratch_;
  OptimizerAttributes optimizer_;
};

}  // namespace

void launch(const Backend& backend, Case& c) {
  Prepared prepared(backend, c);
  const int32_t status = prepared.kernel.launch(prepared.call());
  ASSERT_EQ(status, 0) << backend.statusText(status);
  prepared.finish();
}

void launchInPlace(const Backend& backend, Case& c, int input, int output) {
  c.out[static_cast<size_t>(output)] = c.in[static_cast<size_t>(input)];
  Prepared prepared(backend, c);
  prepared.in[static_cast<size_t>(input)] = prepared.out[static_cast<size_t>(output)];
  const int32_t status = prepared.kernel.launch(prepared.call());
  ASSERT_EQ(status, 0) << backend.statusText(status);
  prepared.finish();
}

void launchPair(const Backend& backend, Case& first, Case& second, bool follows) {
  Prepared a(backend, first), b(backend, second);
  ASSERT_NE(a.kernel.launchPair, nullptr);
  if (follows)
    b.in[static_cast<size_t>(b.kernel.pairInput)] = a.out[static_cast<size_t>(a.kernel.pairOutput)];
  const int32_t status = a.kernel.launchPair(a.call(), b.call());
  ASSERT_EQ(status, 0) << backend.statusText(status);
  a.finish();
  b.finish();
}

Case inDouble(const Case& c) {
  Case out = c;
  for (auto* list : {&out.in, &out.out}) {
    for (Tensor& t : *list) {
      if (t.present() && t.dtype() == DType::Float32) t = t.cast(DType::Float64);
    }
  }
  return out;
}

double expectAsReference(const Backend& fast, Case& c, double bound) {
  Case want = inDouble(c);
  launch(backend("reference"), want);
  std::vector<bool> opaque;
  for (const Tensor& t : c.out) opaque.push_back(t.isOpaque());
  launch(fast, c);
  double worst = 0;
  for (size_t i = 0; i < c.out.size(); ++i) {
    if (opaque[i]) continue;
    const double d = difference(c.out[i], want.out[i]);
    EXPECT_LE(d, bound) << "output " << i << " of op " << static_cast<int>(c.op);
    worst = std::max(worst, d);
  }
  return worst;
}

void expectThreadsDoNotMatter(const Backend& backend, const Case& c) {
  Case alone = c;
  alone.context.threads = 1;
  launch(backend, alone);
  for (const int threads : {2, 3, 8}) {
    Case many = c;
    many.context.threads = threads;
    launch(backend, many);
    for (size_t i = 0; i < c.out.size(); ++i) {
      EXPECT_TRUE(sameBits(alone.out[i], many.out[i])) << "output " << i << ", threads " << threads;
    }
  }
}

void expectDerivative(Tensor& x, const Tensor& dx, const std::function<double()>& objective,
                      const char* what, double bound) {
  ASSERT_EQ(x.dtype(), DType::Float64);
  ASSERT_EQ(x.size(), dx.size()) << what;
  const double h = 1e-5;
  for (int64_t i = 0; i < x.size(); ++i) {
    const double before = x.get(i);
    x.set(i, before + h);
    const double above = objective();
    x.set(i, before - h);
    const double below = objective();
    x.set(i, before);
    const double want = (above - below) / (2 * h);
    EXPECT_NEAR(dx.get(i), want, bound * std::max(1.0, std::abs(want))) << what << "[" << i << "]";
  }
  objective();  // so that outputs belong to the unmoved x again
}

double inner(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.size(); ++i) sum += a.get(i) * b.get(i);
  return sum;
}

}  // namespace sluice::test
