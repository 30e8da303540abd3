#include <cmath>

#include "call.h"
#include "data.h"
#include "work.h"

namespace bench {
namespace {

using namespace sluice;

struct Gru {
  Gru(const Case& c, bool training)
      : B(c.number("batch")),
        T(c.number("steps")),
        I(c.number("features")),
        H(c.number("units")),
        threads(static_cast<int>(c.number("threads"))),
        forward(Op::Gru, &attributes, threads),
        backward(Op::GruBackward, &attributes, threads) {
    attributes.resetAfter = c.number("resetAfter", 1) != 0;
    attributes.activation.kind = ActivationKind::Tanh;
    attributes.recurrentActivation.kind = ActivationKind::Sigmoid;
    addForward(training, c.number("state", 0) != 0);
    if (training) addBackward();
  }

  const int64_t B, T, I, H;
  const int threads;
  RecurrentAttributes attributes;
  Call forward, backward;

 private:
  void addForward(bool training, bool hasState) {
    const auto add = [&](Seed seed, Shape shape, double scale) {
      forward.in.push_back(forward.tensor(shape));
      fill(forward.in.back().as<float>(), shape.elements(), seed, static_cast<float>(scale));
    };
    const double scale = 1 / std::sqrt(static_cast<double>(H));
    add(Seed::kX, makeShape(B, T, I), 1);
    add(Seed::kKernel, makeShape(I, 3 * H), scale);
    add(Seed::kRecurrentKernel, makeShape(H, 3 * H), scale);
    add(Seed::kBias, attributes.resetAfter ? makeShape(2, 3 * H) : makeShape(3 * H), scale);
    forward.in.emplace_back();  // no mask
    if (hasState) add(Seed::kInitialState, makeShape(B, H), 1);
    forward.in.resize(recurrent::kInCount);
    forward.out.push_back(forward.tensor(makeShape(B, T, H)));
    forward.out.push_back(forward.tensor(makeShape(B, H)));
    forward.out.emplace_back();
    if (training) {
      forward.out.back() = {nullptr, DType::Bool, makeShape(0)};
      const size_t bytes = forward.reserveBytes();
      forward.out.back() = forward.tensor(makeShape(static_cast<int64_t>(bytes / sizeof(float))));
    }
    forward.prepare();
  }

  void addBackward() {
    backward.in = forward.in;
    backward.in.push_back(forward.out[recurrent::kReserve]);
    backward.in.push_back(backward.tensor(makeShape(B, T, H)));
    fill(backward.in.back().as<float>(), B * T * H, Seed::kOutputGradient, 1);
    backward.in.resize(recurrentBackward::kInCount);
    for (const int input : {recurrent::kX, recurrent::kKernel, recurrent::kRecurrentKernel,
                            recurrent::kBias, recurrent::kInitialState})
      backward.out.push_back(backward.tensor(forward.in[static_cast<size_t>(input)].shape));
    backward.prepare();
  }
};

Result result(const char* name, const TensorView& view) {
  return {name, view.as<float>(), view.shape.elements()};
}

}  // namespace

Work gruInference(const Case& c) {
  const auto gru = std::make_shared<Gru>(c, false);
  return {[gru] { gru->forward.run(); },
          [gru] { return samples({result("y", gru->forward.out[recurrent::kSequence])}); }};
}

Work gruTraining(const Case& c) {
  const auto gru = std::make_shared<Gru>(c, true);
  const auto iterate = [gru] {
    gru->forward.pack();
    gru->forward.run();
    gru->backward.pack();
    gru->backward.run();
  };
  const auto check = [gru] {
    const std::vector<TensorView>& out = gru->backward.out;
    return samples({result("y", gru->forward.out[recurrent::kSequence]),
                    result("dx", out[recurrentBackward::kDx]),
                    result("dKernel", out[recurrentBackward::kDKernel]),
                    result("dRecurrentKernel", out[recurrentBackward::kDRecurrentKernel]),
                    result("dBias", out[recurrentBackward::kDBias]),
                    result("dInitialState", out[recurrentBackward::kDInitialState])});
  };
  return {iterate, check};
}

}  // namespace bench
