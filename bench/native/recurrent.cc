#include <cmath>

#include "call.h"
#include "data.h"
#include "work.h"

namespace bench {
namespace {

using namespace sluice;

struct Cell {
  const char* name;
  Op forward, backward;
  int64_t gates;
  bool hasCellState;
};
constexpr Cell kCells[] = {{"gru", Op::Gru, Op::GruBackward, 3, false},
                           {"lstm", Op::Lstm, Op::LstmBackward, 4, true},
                           {"simpleRnn", Op::SimpleRnn, Op::SimpleRnnBackward, 1, false}};

const Cell& cellOf(const Case& c) {
  const std::string name = c.text("cell", "gru");
  for (const Cell& cell : kCells)
    if (name == cell.name) return cell;
  throw std::invalid_argument("no cell " + name);
}

struct Recurrence {
  Recurrence(const Case& c, bool training)
      : B(c.number("batch")),
        T(c.number("steps")),
        I(c.number("features")),
        H(c.number("units")),
        threads(static_cast<int>(c.number("threads"))),
        cell(cellOf(c)),
        forward(cell.forward, &attributes, threads),
        backward(cell.backward, &attributes, threads) {
    attributes.resetAfter = c.number("resetAfter", 1) != 0;
    attributes.activation.kind = ActivationKind::Tanh;
    attributes.recurrentActivation.kind = ActivationKind::Sigmoid;
    addForward(training, c.number("state", 0) != 0);
    if (training) addBackward();
  }

  const int64_t B, T, I, H;
  const int threads;
  const Cell& cell;
  RecurrentAttributes attributes;
  Call forward, backward;

 private:
  void addForward(bool training, bool hasState) {
    const auto add = [&](Seed seed, Shape shape, double scale) {
      forward.in.push_back(forward.tensor(shape));
      fill(forward.in.back().as<float>(), shape.elements(), seed, static_cast<float>(scale));
    };
    const double scale = 1 / std::sqrt(static_cast<double>(H));
    const int64_t columns = cell.gates * H;
    const bool twoBiases = cell.forward == Op::Gru && attributes.resetAfter;
    add(Seed::kX, makeShape(B, T, I), 1);
    add(Seed::kKernel, makeShape(I, columns), scale);
    add(Seed::kRecurrentKernel, makeShape(H, columns), scale);
    add(Seed::kBias, twoBiases ? makeShape(2, columns) : makeShape(columns), scale);
    forward.in.emplace_back();  // no mask
    if (hasState) add(Seed::kInitialState, makeShape(B, H), 1);
    if (hasState && cell.hasCellState) add(Seed::kInitialState, makeShape(B, H), 1);
    forward.in.resize(recurrent::kInCount);
    forward.out.resize(recurrent::kOutCount);
    forward.out[recurrent::kSequence] = forward.tensor(makeShape(B, T, H));
    forward.out[recurrent::kFinalState] = forward.tensor(makeShape(B, H));
    if (cell.hasCellState) forward.out[recurrent::kFinalCell] = forward.tensor(makeShape(B, H));
    if (training) {
      TensorView& reserve = forward.out[recurrent::kReserve];
      reserve = {nullptr, DType::Bool, makeShape(0)};
      const size_t bytes = forward.reserveBytes();
      reserve = forward.tensor(makeShape(static_cast<int64_t>(bytes / sizeof(float))));
    }
    forward.prepare();
  }

  void addBackward() {
    backward.in = forward.in;
    backward.in.resize(recurrentBackward::kInCount);
    backward.in[recurrentBackward::kReserve] = forward.out[recurrent::kReserve];
    TensorView& dy = backward.in[recurrentBackward::kDSequence];
    dy = backward.tensor(makeShape(B, T, H));
    fill(dy.as<float>(), B * T * H, Seed::kOutputGradient, 1);
    for (const int input : {recurrent::kX, recurrent::kKernel, recurrent::kRecurrentKernel,
                            recurrent::kBias, recurrent::kInitialState})
      backward.out.push_back(backward.tensor(forward.in[static_cast<size_t>(input)].shape));
    backward.out.resize(recurrentBackward::kOutCount);
    if (cell.hasCellState)
      backward.out[recurrentBackward::kDInitialCell] = backward.tensor(makeShape(B, H));
    backward.prepare();
  }
};

Result result(const char* name, const TensorView& view) {
  return {name, view.as<float>(), view.shape.elements()};
}

}  // namespace

Work recurrentInference(const Case& c) {
  const auto run = std::make_shared<Recurrence>(c, false);
  return {[run] { run->forward.run(); },
          [run] { return samples({result("y", run->forward.out[recurrent::kSequence])}); }};
}

Work recurrentTraining(const Case& c) {
  const auto run = std::make_shared<Recurrence>(c, true);
  const auto iterate = [run] {
    run->forward.pack();
    run->forward.run();
    run->backward.pack();
    run->backward.run();
  };
  const auto check = [run] {
    const std::vector<TensorView>& out = run->backward.out;
    return samples({result("y", run->forward.out[recurrent::kSequence]),
                    result("dx", out[recurrentBackward::kDx]),
                    result("dKernel", out[recurrentBackward::kDKernel]),
                    result("dRecurrentKernel", out[recurrentBackward::kDRecurrentKernel]),
                    result("dBias", out[recurrentBackward::kDBias]),
                    result("dInitialState", out[recurrentBackward::kDInitialState])});
  };
  return {iterate, check};
}

}  // namespace bench
