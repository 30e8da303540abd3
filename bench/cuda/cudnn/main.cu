// cuDNN's GRU by all of its algorithms, called as its own interface has it: forward, gradients of
// the data, gradients of the weights.
#include <map>
#include <string>
#include <tuple>

#include "check.h"
#include "support/gru_timing.h"

namespace {

using namespace cudnn;

class CudnnRunner final : public Runner {
 public:
  explicit CudnnRunner(const Machine& machine)
      : machine_(machine), cases_(gruCases(kAlgorithmCount)) {
    cudnn::check(cudnnSetStream(library_, stream_), "cudnnSetStream");
  }

  std::string library() const override {
    const size_t version = cudnnGetVersion();
    return "cuDNN " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
           "." + std::to_string(version % 100);
  }

  std::vector<Member> run(size_t index, bool& valid) override {
    const GruCase& c = cases_[index];
    const Checked& checked = checkedOf(c);
    Layer layer(library_, kAlgorithms[c.algorithm], checked.layout, c.numbers, c.sizes);
    const float scale = 1 / std::sqrt(static_cast<float>(c.sizes.units));
    fill(*layer.weights, c.numbers, kKernel, scale);
    fill(*layer.x, c.numbers, kX, 1);
    fill(*layer.dy, c.numbers, kOutputGradient, 1);
    fill(*layer.initialState, c.numbers, kInitialState, 1);
    synchronize("inputs");

    enum Part : size_t { kForward, kBackwardData, kBackwardWeights, kParts };
    PartTimer training(kParts);
    training.repeat(
        stream_,
        [&](size_t part) {
          if (part == kBackwardWeights) layer.clearWeightGradients(stream_);
        },
        [&](size_t part) {
          if (part == kForward) layer.forward(CUDNN_FWD_MODE_TRAINING);
          if (part == kBackwardData) layer.backwardData();
          if (part == kBackwardWeights) layer.backwardWeights();
        });
    Values samples;
    for (const Memory* tensor : {layer.y.get(), layer.dx.get(), layer.dWeights.get()}) {
      const Values more = sample(*tensor, c.numbers);
      samples.insert(samples.end(), more.begin(), more.end());
    }
    PartTimer inference(1);
    inference.repeat(
        stream_, [](size_t) {}, [&](size_t) { layer.forward(CUDNN_FWD_MODE_INFERENCE); });

    const std::tuple key{c.sizes.batch, c.sizes.features, c.sizes.units, c.numbers};
    const auto [first, isFirst] = samples_.try_emplace(key, samples);
    const double toFirst = distance(samples, first->second);
    // What refuses the small case is held against another algorithm alone.
    const bool isChecked =
        std::isnan(checked.distance) ? !isFirst : checked.distance <= toleranceOf(c.numbers);
    valid = isChecked && toFirst <= 10 * toleranceOf(c.numbers);
    const double macs = forwardMacs(c.sizes);
    return {passMember("forward", machine_, c, macs, training, kForward),
            passMember("backwardData", machine_, c, macs, training, kBackwardData),
            passMember("backwardWeights", machine_, c, macs, training, kBackwardWeights),
            passMember("inference", machine_, c, macs, inference, 0),
            {"layout", text(kLayoutNames[static_cast<int>(checked.layout)])},
            {"distance", number(checked.distance)},
            {"distanceToFirst", number(toFirst)}};
  }

 private:
  // Of the small case: NaN where every layout is refused.
  struct Checked {
    Layout layout = Layout::Packed;
    double distance = NAN;
  };

  // Computed once for an algorithm and a kind of numbers, in the first layout that it takes.
  const Checked& checkedOf(const GruCase& c) {
    const auto [known, isNew] = checked_.try_emplace({c.algorithm, c.numbers});
    if (!isNew) return known->second;
    for (const Layout layout : {Layout::Packed, Layout::Padded}) {
      try {
        Check small(library_, kAlgorithms[c.algorithm], layout, c.numbers);
        known->second = {layout, small.distance()};
        break;
      } catch (const Refused&) {
      }
    }
    return known->second;
  }

  const Machine& machine_;
  std::vector<GruCase> cases_;
  Stream stream_;
  Library library_;
  std::map<std::pair<int, Numbers>, Checked> checked_;
  std::map<std::tuple<int, int, int, Numbers>, Values> samples_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<GruCase> cases = gruCases(kAlgorithmCount);
  const CaseList list = {
      "one layer, one direction, two biases, sequences [T,B,I] of the same length, in the first "
      "layout of packed and padded that an algorithm takes; fp32: FMA math; tf32: default math; "
      "bf16, fp16: tensor-op math, sums in float32; forward keeps what backward needs; weights' "
      "gradients are added to zeros that are not timed; us: on the device, all work being in its "
      "queue before it begins; hostUs: until the calls that put it there had returned; distance: "
      "of y and all gradients at B8 T12 I128 H128 from plain loops in double, over the largest "
      "value of each tensor; distanceToFirst: of 768 values from the first algorithm that ran the "
      "case; shares of the peak at the highest clock",
      cases.size(),
      [&](size_t index) {
        std::vector<Member> members = {
            {"algorithm", text(kAlgorithmNames[cases[index].algorithm])}};
        for (const Member& member : describe(cases[index])) members.push_back(member);
        return members;
      },
      [](const Machine& machine) -> std::unique_ptr<Runner> {
        return std::make_unique<CudnnRunner>(machine);
      }};
  return runCases(argc, argv, list);
}
