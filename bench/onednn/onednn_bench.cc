// oneDNN's GRU of the same equations (lbr_gru), steps first, which is its layout.
#include <cmath>
#include <dnnl.hpp>
#include <memory>
#include <unordered_map>

#include "data.h"
#include "protocol.h"

namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using bench::Seed;
using Arguments = std::unordered_map<int, memory>;

const dnnl::engine kEngine(dnnl::engine::kind::cpu, 0);

struct Sizes {
  explicit Sizes(const bench::Case& c)
      : B(c.number("batch")),
        T(c.number("steps")),
        I(c.number("features")),
        H(c.number("units")),
        hasState(c.number("state") != 0) {}
  const memory::dim B, T, I, H;
  const bool hasState;
};

memory::desc desc(const memory::dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }
float* floats(const memory& m) { return static_cast<float*>(m.get_data_handle()); }
int64_t count(const memory& m) {
  return static_cast<int64_t>(m.get_desc().get_size() / sizeof(float));
}

memory zeros(const memory::desc& d) {
  memory m(d, kEngine);
  if (d.get_size() > 0) std::fill_n(floats(m), count(m), 0.0f);
  return m;
}

// [first,second,width] as [second,first,width].
std::vector<float> exchanged(const float* data, int64_t first, int64_t second, int64_t width) {
  std::vector<float> out(static_cast<size_t>(first * second * width));
  for (int64_t i = 0; i < first; ++i)
    for (int64_t j = 0; j < second; ++j)
      std::copy_n(data + (i * second + j) * width, width, out.data() + (j * first + i) * width);
  return out;
}

struct Shapes {
  explicit Shapes(const Sizes& s)
      : x(desc({s.T, s.B, s.I}, Tag::tnc)),
        state(s.hasState ? desc({1, 1, s.B, s.H}, Tag::ldnc) : memory::desc()),
        kernel({1, 1, s.I, 3, s.H}, memory::data_type::f32, Tag::any),
        recurrent({1, 1, s.H, 3, s.H}, memory::data_type::f32, Tag::any),
        bias(desc({1, 1, 4, s.H}, Tag::ldgo)),
        y(desc({s.T, s.B, s.H}, Tag::tnc)) {}
  memory::desc x, state, kernel, recurrent, bias, y;
};

class Gru {
 public:
  Gru(const Sizes& s, bool training)
      : s_(s),
        shapes_(s),
        forward_({training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
                  dnnl::rnn_direction::unidirectional_left2right, shapes_.x, shapes_.state,
                  shapes_.kernel, shapes_.recurrent, shapes_.bias, shapes_.y, memory::desc()},
                 kEngine),
        primitive_(forward_) {
    const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(s.H)));
    plainKernel_ = zeros(desc({1, 1, s.I, 3, s.H}, Tag::ldigo));
    plainRecurrent_ = zeros(desc({1, 1, s.H, 3, s.H}, Tag::ldigo));
    bench::fill(floats(plainKernel_), count(plainKernel_), Seed::kKernel, scale);
    bench::fill(floats(plainRecurrent_), count(plainRecurrent_), Seed::kRecurrentKernel, scale);
    arguments_ = {{DNNL_ARG_SRC_LAYER, stepsFirst(Seed::kX, s.I)},
                  {DNNL_ARG_WEIGHTS_LAYER, zeros(forward_.weights_layer_desc())},
                  {DNNL_ARG_WEIGHTS_ITER, zeros(forward_.weights_iter_desc())},
                  {DNNL_ARG_BIAS, summedBias(scale)},
                  {DNNL_ARG_DST_LAYER, zeros(shapes_.y)},
                  {DNNL_ARG_WORKSPACE, zeros(forward_.workspace_desc())}};
    if (s.hasState) {
      arguments_[DNNL_ARG_SRC_ITER] = zeros(shapes_.state);
      bench::fill(floats(arguments_[DNNL_ARG_SRC_ITER]), s.B * s.H, Seed::kInitialState, 1);
    }
    pack();
    if (training) addBackward();
  }

  // Into the formats that the forward primitive has chosen; once for each version of the weights.
  void pack() {
    reorder(plainKernel_, arguments_[DNNL_ARG_WEIGHTS_LAYER]);
    reorder(plainRecurrent_, arguments_[DNNL_ARG_WEIGHTS_ITER]);
  }

  void infer() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

  void train() {
    pack();
    primitive_.execute(stream_, arguments_);
    reorder(plainKernel_, backwardArguments_[DNNL_ARG_WEIGHTS_LAYER]);
    reorder(plainRecurrent_, backwardArguments_[DNNL_ARG_WEIGHTS_ITER]);
    // oneDNN adds the weights' gradients to what is there.
    for (const int name :
         {DNNL_ARG_DIFF_WEIGHTS_LAYER, DNNL_ARG_DIFF_WEIGHTS_ITER, DNNL_ARG_DIFF_BIAS}) {
      memory& m = backwardArguments_[name];
      std::fill_n(floats(m), count(m), 0.0f);
    }
    backwardPrimitive_->execute(stream_, backwardArguments_);
    reorder(backwardArguments_[DNNL_ARG_DIFF_WEIGHTS_LAYER], plainDKernel_);
    reorder(backwardArguments_[DNNL_ARG_DIFF_WEIGHTS_ITER], plainDRecurrent_);
    stream_.wait();
  }

  std::string check(bool training) {
    const std::vector<float> y =
        exchanged(floats(arguments_[DNNL_ARG_DST_LAYER]), s_.T, s_.B, s_.H);
    std::vector<bench::Result> results = {{"y", y.data(), static_cast<int64_t>(y.size())}};
    if (!training) return bench::samples(results);
    const std::vector<float> dx =
        exchanged(floats(backwardArguments_[DNNL_ARG_DIFF_SRC_LAYER]), s_.T, s_.B, s_.I);
    // z, r, the candidate's own, the candidate's recurrent one: two biases of z, r, h.
    const float* four = floats(backwardArguments_[DNNL_ARG_DIFF_BIAS]);
    std::vector<float> dBias(four, four + 3 * s_.H);
    dBias.insert(dBias.end(), four, four + 2 * s_.H);
    dBias.insert(dBias.end(), four + 3 * s_.H, four + 4 * s_.H);
    const memory& dState = backwardArguments_[DNNL_ARG_DIFF_SRC_ITER];
    results.push_back({"dx", dx.data(), static_cast<int64_t>(dx.size())});
    results.push_back({"dKernel", floats(plainDKernel_), count(plainDKernel_)});
    results.push_back({"dRecurrentKernel", floats(plainDRecurrent_), count(plainDRecurrent_)});
    results.push_back({"dBias", dBias.data(), static_cast<int64_t>(dBias.size())});
    results.push_back({"dInitialState", floats(dState), count(dState)});
    return bench::samples(results);
  }

 private:
  memory stepsFirst(Seed seed, memory::dim width) const {
    const std::vector<float> data = bench::values(s_.B * s_.T * width, seed, 1);
    const std::vector<float> turned = exchanged(data.data(), s_.B, s_.T, width);
    memory m = zeros(desc({s_.T, s_.B, width}, Tag::tnc));
    std::copy(turned.begin(), turned.end(), floats(m));
    return m;
  }

  memory summedBias(float scale) const {
    const std::vector<float> two = bench::values(6 * s_.H, Seed::kBias, scale);
    memory m = zeros(shapes_.bias);
    float* four = floats(m);
    for (int64_t i = 0; i < 2 * s_.H; ++i) four[i] = two[i] + two[3 * s_.H + i];
    std::copy_n(two.data() + 2 * s_.H, s_.H, four + 2 * s_.H);
    std::copy_n(two.data() + 5 * s_.H, s_.H, four + 3 * s_.H);
    return m;
  }

  void addBackward() {
    const auto backward = dnnl::lbr_gru_backward::primitive_desc(
        {dnnl::prop_kind::backward, dnnl::rnn_direction::unidirectional_left2right, shapes_.x,
         shapes_.state, shapes_.kernel, shapes_.recurrent, shapes_.bias, shapes_.y, memory::desc(),
         shapes_.x, shapes_.state, shapes_.kernel, shapes_.recurrent, shapes_.bias, shapes_.y,
         memory::desc()},
        kEngine, forward_);
    backwardPrimitive_ = std::make_unique<dnnl::lbr_gru_backward>(backward);
    backwardArguments_ = arguments_;
    backwardArguments_[DNNL_ARG_WEIGHTS_LAYER] = zeros(backward.weights_layer_desc());
    backwardArguments_[DNNL_ARG_WEIGHTS_ITER] = zeros(backward.weights_iter_desc());
    backwardArguments_[DNNL_ARG_DIFF_SRC_LAYER] = zeros(shapes_.x);
    backwardArguments_[DNNL_ARG_DIFF_SRC_ITER] = zeros(shapes_.state);
    backwardArguments_[DNNL_ARG_DIFF_WEIGHTS_LAYER] = zeros(backward.diff_weights_layer_desc());
    backwardArguments_[DNNL_ARG_DIFF_WEIGHTS_ITER] = zeros(backward.diff_weights_iter_desc());
    backwardArguments_[DNNL_ARG_DIFF_BIAS] = zeros(shapes_.bias);
    backwardArguments_[DNNL_ARG_DIFF_DST_LAYER] = stepsFirst(Seed::kOutputGradient, s_.H);
    plainDKernel_ = zeros(plainKernel_.get_desc());
    plainDRecurrent_ = zeros(plainRecurrent_.get_desc());
  }

  void reorder(memory& from, memory& to) { dnnl::reorder(from, to).execute(stream_, from, to); }

  const Sizes s_;
  const Shapes shapes_;
  const dnnl::lbr_gru_forward::primitive_desc forward_;
  const dnnl::lbr_gru_forward primitive_;
  std::unique_ptr<dnnl::lbr_gru_backward> backwardPrimitive_;
  dnnl::stream stream_{kEngine};
  Arguments arguments_, backwardArguments_;
  memory plainKernel_, plainRecurrent_, plainDKernel_, plainDRecurrent_;
};

bench::Work workOf(const bench::Case& c) {
  const bool training = c.text("kind") == "training";
  const auto gru = std::make_shared<Gru>(Sizes(c), training);
  const auto check = [=] { return gru->check(training); };
  if (training) return {[gru] { gru->train(); }, check};
  return {[gru] { gru->infer(); }, check};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::string(argv[1]) == "version") {
      const dnnl_version_t& v = *dnnl::version();
      std::printf("%d.%d.%d\n", v.major, v.minor, v.patch);
      return 0;
    }
    bench::serve(workOf(bench::Case(argc, argv)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
