#include "support/launch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>

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

// A case with all that its kernel asks for.
class Prepared {
 public:
  Prepared(const Backend& backend, Case& c) : kernel(kernelOf(backend, c)), case_(c) {
    if (!kernel.launch)
      throw std::runtime_error(backend.name() + " lacks op " +
                               std::to_string(static_cast<int>(c.op)));
    sizeOpaque(kernel, c);
    in = views(c.in);
    out = views(c.out);
  }

  const Kernel& kernel;
  std::vector<TensorView> in, out;

  // When `in` and `out` are as they are to be.
  const OpCall& call() {
    const std::vector<TensorView> inShapes = shapesOnly(in), outShapes = shapesOnly(out);
    const OpCall sizes = makeCall(case_, inShapes, outShapes);
    if (const char* refusal = kernel.whyNot ? kernel.whyNot(sizes) : nullptr)
      throw std::runtime_error(refusal);
    scratch_.emplace(kernel.scratchBytes ? kernel.scratchBytes(sizes) : 0);
    packed_.emplace(kernel.packedBytes ? kernel.packedBytes(sizes) : 0);
    call_ = makeCall(case_, in, out);
    if (packed_->data) kernel.pack(call_, packed_->data);
    call_.scratch = scratch_->data;
    call_.packed = packed_->data;
    call_.context = &case_.context;
    return call_;
  }

  void expectGuardsIntact() const {
    for (const Tensor& t : case_.in) EXPECT_TRUE(t.guardsIntact());
    for (const Tensor& t : case_.out)
      EXPECT_TRUE(t.guardsIntact()) << "written outside of an output";
  }

 private:
  Case& case_;
  OpCall call_;
  std::optional<Aligned> scratch_, packed_;
};

}  // namespace

void launch(const Backend& backend, Case& c) {
  Prepared prepared(backend, c);
  const int32_t status = prepared.kernel.launch(prepared.call());
  ASSERT_EQ(status, 0) << backend.statusText(status);
  prepared.expectGuardsIntact();
}

void launchInPlace(const Backend& backend, Case& c, int input, int output) {
  c.out[static_cast<size_t>(output)] = c.in[static_cast<size_t>(input)];
  Prepared prepared(backend, c);
  prepared.in[static_cast<size_t>(input)] = prepared.out[static_cast<size_t>(output)];
  const int32_t status = prepared.kernel.launch(prepared.call());
  ASSERT_EQ(status, 0) << backend.statusText(status);
  prepared.expectGuardsIntact();
}

void launchPair(const Backend& backend, Case& first, Case& second, bool follows) {
  Prepared a(backend, first), b(backend, second);
  ASSERT_NE(a.kernel.launchPair, nullptr);
  if (follows)
    b.in[static_cast<size_t>(b.kernel.pairInput)] = a.out[static_cast<size_t>(a.kernel.pairOutput)];
  const int32_t status = a.kernel.launchPair(a.call(), b.call());
  ASSERT_EQ(status, 0) << backend.statusText(status);
  a.expectGuardsIntact();
  b.expectGuardsIntact();
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
