// Sluice's own GRU on the GPU, through the interface that the engine calls it by: put into a queue
// call by call, and recorded once and replayed, as the engine does.
#include <map>
#include <string>
#include <tuple>

#include "layer.h"
#include "support/backend.h"
#include "support/gru_timing.h"

namespace {

using namespace ours;

const sluice::Backend& openBackend() {
  openLibrary();
  return sluice::BackendRegistry::instance().require("cuda");
}

std::vector<float> fetch(Layer& layer, const TensorView& view) {
  std::vector<float> out(static_cast<size_t>(view.shape.elements()));
  layer.queue.copyOut(out.data(), view.data, view.bytes());
  layer.queue.synchronize();
  return out;
}
Values asValues(const std::vector<float>& from) { return Values(from.begin(), from.end()); }

// A small case against plain loops in double.
double smallDistance(const sluice::Backend& backend, Numbers numbers) {
  Layer layer(backend, numbers, kCheckedSizes, true);
  layer.fillInputs();
  layer.forward.pack();
  layer.forward.run();
  layer.backward.pack();
  layer.backward.run();
  const auto gradient = [&](size_t output) {
    return asValues(fetch(layer, layer.backward.out[output]));
  };
  const GruOutputs out = {asValues(fetch(layer, layer.forward.out[recurrent::kSequence])),
                          gradient(recurrentBackward::kDx),
                          gradient(recurrentBackward::kDKernel),
                          gradient(recurrentBackward::kDRecurrentKernel),
                          gradient(recurrentBackward::kDBias),
                          gradient(recurrentBackward::kDInitialState)};
  const GruInputs in = makeInputs(kCheckedSizes, [](float value) { return double{value}; });
  return distance(out, referenceGru(kCheckedSizes, in));
}

// What a training step has written: values spread over the tensors.
Values sample(Layer& layer) {
  constexpr size_t kCount = 256;
  Values out;
  for (const TensorView& view :
       {layer.forward.out[recurrent::kSequence], layer.backward.out[recurrentBackward::kDx],
        layer.backward.out[recurrentBackward::kDRecurrentKernel]}) {
    const std::vector<float> all = fetch(layer, view);
    for (size_t i = 0; i < kCount; ++i) out.push_back(all[i * (all.size() - 1) / (kCount - 1)]);
  }
  return out;
}

class OurRunner final : public Runner {
 public:
  explicit OurRunner(const Machine& machine)
      : machine_(machine), backend_(openBackend()), cases_(gruCases(1)) {}

  std::string library() const override {
    return std::string("Sluice ") + SLUICE_VERSION + ", " + backend_.target();
  }

  std::vector<Member> run(size_t index, bool& valid) override {
    const GruCase& c = cases_[index];
    const double checked = checkedDistance(c.numbers);
    enum Part : size_t { kForward, kBackward, kParts };
    PartTimer launched(kParts), recorded(kParts), inference(1);
    const auto nothing = [](size_t) {};

    Layer layer(backend_, c.numbers, c.sizes, true);
    layer.fillInputs();
    const auto run = [&](size_t part) {
      Call& call = part == kForward ? layer.forward : layer.backward;
      call.pack();
      call.run();
    };
    launched.repeat(layer.stream(), nothing, run);
    const Values samples = sample(layer);
    std::unique_ptr<sluice::Recording> recordings[kParts];
    for (size_t part = 0; part < kParts; ++part) {
      recordings[part] = layer.queue.record([&] { run(part); });
      if (!recordings[part]) throw std::runtime_error("cannot be recorded");
    }
    recorded.repeat(layer.stream(), nothing,
                    [&](size_t part) { layer.queue.replay(*recordings[part]); });
    const bool isRepeatable = sample(layer) == samples;
    const std::string how = layer.forward.how();

    Layer serving(backend_, c.numbers, c.sizes, false);
    serving.fillInputs();
    serving.forward.pack();
    serving.forward.run();  // kernels are loaded when they are first launched: not while recording
    const auto serve = serving.queue.record([&] { serving.forward.run(); });
    if (!serve) throw std::runtime_error("cannot be recorded");
    inference.repeat(serving.stream(), nothing, [&](size_t) { serving.queue.replay(*serve); });

    const std::tuple key{c.sizes.batch, c.sizes.features, c.sizes.units};
    const First first = firsts_.try_emplace(key, First{c.numbers, samples}).first->second;
    const double toFirst = distance(samples, first.samples);
    valid = checked <= toleranceOf(c.numbers) && isRepeatable &&
            toFirst <= 10 * std::max(toleranceOf(c.numbers), toleranceOf(first.numbers));
    const double macs = forwardMacs(c.sizes);
    return {passMember("forward", machine_, c, macs, recorded, kForward),
            passMember("backward", machine_, c, 2 * macs, recorded, kBackward),
            passMember("inference", machine_, c, macs, inference, 0),
            passMember("forwardLaunched", machine_, c, macs, launched, kForward),
            passMember("backwardLaunched", machine_, c, 2 * macs, launched, kBackward),
            {"how", text(how)},
            {"cublas", loadedCublas()},
            {"repeatable", boolean(isRepeatable)},
            {"distance", number(checked)},
            {"distanceToFirst", number(toFirst)}};
  }

 private:
  struct First {
    Numbers numbers;
    Values samples;
  };

  double checkedDistance(Numbers numbers) {
    const auto [known, isNew] = checked_.try_emplace(numbers, NAN);
    if (isNew) known->second = smallDistance(backend_, numbers);
    return known->second;
  }

  const Machine& machine_;
  const sluice::Backend& backend_;
  std::vector<GruCase> cases_;
  std::map<Numbers, double> checked_;
  std::map<std::tuple<int, int, int>, First> firsts_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<GruCase> cases = gruCases(1);
  const CaseList list = {
      "forward keeps what backward needs, backward gives all gradients; both recorded and "
      "replayed, Launched: put into the queue call by call; weights are packed in each of them, "
      "but not in inference; sequences [B,T,I]; us: on the device, all work being in its queue "
      "before it begins; hostUs: until the calls that put it there had returned; distance: of y "
      "and all gradients at B8 T12 I128 H128 from plain loops in double, over the largest value of "
      "each tensor; distanceToFirst: of 768 values from those of the first kind of numbers that "
      "ran the case; repeatable: recorded and launched give the same values; cublas: the library "
      "that was loaded by then, which large products go to; shares of the peak at the highest "
      "clock",
      cases.size(), [&](size_t index) { return describe(cases[index]); },
      [](const Machine& machine) -> std::unique_ptr<Runner> {
        return std::make_unique<OurRunner>(machine);
      }};
  return runCases(argc, argv, list);
}
