// A function of one to three operands, element by element, with broadcasting over the axes behind
// the batch. An operand is an input or a number. Steps that an operand masks are zero in the
// result.
#include <algorithm>

#include "engine/layers/join_masks.h"
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class ElementwiseLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    readOperands(build);
    for (size_t i = 0; i < build.inputs.size(); ++i) build.expectFloat(i);
    broadcast(build);
    followSteps(build);
  }
  bool takesWeights() const override { return true; }

  void forward(NodeContext& node) const override {
    std::vector<ValueId> operands = this->operands(node);
    const ValueId mask = joinMasks(node, stepInputs_).mask;
    node.setOutMask(0, mask);
    node.saved().push_back(mask);
    operands.push_back(mask);
    node.emit(Op::Elementwise, attributes(attributes_), std::move(operands), {node.out(0)});
  }

  void backward(NodeContext& node) const override {
    const ValueId mask = node.saved()[0], dy = node.gradOut(0);
    std::vector<ValueId> in = operands(node), gradients(kMaxOperands, kNoValue);
    in.push_back(mask);
    in.push_back(dy);
    std::vector<std::pair<int, ValueId>> sums;  // operands whose gradients are yet to be added up
    for (int k = 0; k < kMaxOperands; ++k) {
      const int input = inputs_[k];
      if (input < 0 || !node.wantsGradIn(input) || !hasSlope(attributes_.function, k)) continue;
      if (summed_[k] != 0) {
        gradients[static_cast<size_t>(k)] = node.newValue(node.shapeOf(dy));
        sums.emplace_back(k, gradients[static_cast<size_t>(k)]);
      } else if (attributes_.function == Function::Add && mask == kNoValue) {
        node.setGradIn(input, node.view(dy, node.shapeOf(node.in(input))));
      } else {
        gradients[static_cast<size_t>(k)] = node.view(node.gradIn(input), node.shapeOf(dy));
      }
    }
    const auto isWanted = [](ValueId id) { return id != kNoValue; };
    if (std::any_of(gradients.begin(), gradients.end(), isWanted))
      node.emit(Op::ElementwiseBackward, attributes(attributes_), std::move(in), gradients);
    for (const auto& [k, gradient] : sums)
      node.emit(Op::Reduce, attributes(ReduceAttributes{Reduction::Sum, summed_[k]}),
                {gradient, kNoValue}, {node.view(node.gradIn(inputs_[k]), shapes_[k])});
  }

  std::string whyNotStreamable(const Node&) const override { return whyNotStreamable_; }

 private:
  void readOperands(LayerBuild& build) {
    OptionReader& options = build.options;
    attributes_.function = static_cast<Function>(options.choice(
        "function",
        {"negative", "abs",      "sign",    "exp",     "log",          "log1p",    "sqrt",
         "square",   "sin",      "cos",     "add",     "subtract",     "multiply", "divide",
         "power",    "maximum",  "minimum", "greater", "greaterEqual", "less",     "lessEqual",
         "equal",    "notEqual", "clip",    "where"}));
    const std::string what = build.name() + ": option operands";
    const auto& operands = options.array("operands");
    const int wanted = operandsOf(attributes_.function);
    if (static_cast<int>(operands.size()) != wanted)
      fail(Code::Config, cat(what, " must be ", wanted, ", received ", operands.size()),
           {.layer = build.name(),
            .option = "operands",
            .expected = cat(wanted),
            .received = cat(operands.size())});
    int next = 0;
    for (size_t k = 0; k < operands.size(); ++k)
      if (operands[k].isNull())
        inputs_[k] = next++;
      else
        attributes_.constants[k] = operands[k].asNumber(what);
    build.expectInputs(static_cast<size_t>(std::max(1, next)),
                       static_cast<size_t>(std::max(1, next)));
  }

  // The shape of the result, and those of the operands with its rank.
  void broadcast(LayerBuild& build) {
    int behind = 0;
    for (const NodeOutput& input : build.inputs) {
      result_.batched = result_.batched || input.batched;
      behind = std::max(behind, input.shape.rank - (input.batched ? 1 : 0));
    }
    const int first = result_.batched ? 1 : 0;
    if (behind + first > kMaxRank)
      fail(Code::ShapeMismatch, cat(build.name(), ": the result has more than ", kMaxRank, " axes"),
           {.layer = build.name(),
            .option = "inputs",
            .expected = cat("at most ", kMaxRank, " axes"),
            .received = cat(behind + first)});
    Shape& result = result_.shape;
    result.rank = behind + first;
    std::fill_n(result.dims.begin(), result.rank, 1);
    if (first) result[0] = kBatchExtent;
    for (int k = 0; k < kMaxOperands; ++k) {
      if (inputs_[k] < 0) continue;
      const NodeOutput& input = build.inputs[static_cast<size_t>(inputs_[k])];
      const int own = input.batched ? 1 : 0;  // where the axes that are broadcast begin
      Shape& shape = shapes_[k] = result;
      for (int axis = 0; axis < result.rank; ++axis) {
        const int from = axis - result.rank + input.shape.rank;
        const bool isBatch = first == 1 && axis == 0;
        shape[axis] =
            isBatch ? (input.batched ? kBatchExtent : 1) : (from >= own ? input.shape[from] : 1);
        if (isBatch || shape[axis] == 1 || shape[axis] == result[axis]) continue;
        // Two symbols may stand for one number: the run checks it.
        if (result[axis] == 1 || (isSymbol(result[axis]) && !isSymbol(shape[axis])))
          result[axis] = shape[axis];
        else if (!isSymbol(shape[axis]) && !isSymbol(result[axis]))
          refuse(build);
      }
    }
    for (int k = 0; k < kMaxOperands; ++k)
      for (int axis = 0; inputs_[k] >= 0 && axis < result.rank; ++axis)
        if (shapes_[k][axis] == 1 && result[axis] != 1) summed_[k] |= 1 << axis;
  }

  [[noreturn]] void refuse(const LayerBuild& build) const {
    std::string shapes;
    for (const NodeOutput& input : build.inputs)
      shapes += cat(shapes.empty() ? "" : " and ", describeShape(input.shape));
    fail(
        Code::ShapeMismatch,
        cat(build.name(), ": the operands ", shapes,
            " cannot be broadcast: behind the batch, counted from the last axis, extents are equal "
            "or 1"),
        {.layer = build.name(), .expected = "extents that are equal or 1", .received = shapes});
  }

  // Steps are those of the operands that reach to the result's axis 1.
  void followSteps(LayerBuild& build) {
    const Shape& result = result_.shape;
    std::vector<NodeOutput> steps;
    for (int k = 0; k < kMaxOperands; ++k) {
      if (inputs_[k] < 0) continue;
      const NodeOutput& input = build.inputs[static_cast<size_t>(inputs_[k])];
      const bool full = input.batched && input.shape.rank == result.rank;
      const bool spread = result.rank > 1 && shapes_[k][1] == 1 && result[1] != 1;
      if (input.sequence && full && !spread) {
        stepInputs_.push_back(inputs_[k]);
        steps.push_back(input);
      } else if (input.sequence || (result.rank > 1 && !input.batched && shapes_[k][1] != 1)) {
        whyNotStreamable_ = "an operand is not taken step by step";
      }
    }
    joinMasked(steps, result_);
    result_.sequence = result_.batched && (result.rank >= 3 || !steps.empty());
    if (!result_.sequence) whyNotStreamable_.clear();
    build.outputs.push_back(result_);
  }

  std::vector<ValueId> operands(NodeContext& node) const {
    std::vector<ValueId> values(kMaxOperands, kNoValue);
    for (size_t k = 0; k < kMaxOperands; ++k)
      if (inputs_[k] >= 0) values[k] = node.view(node.in(inputs_[k]), shapes_[k]);
    return values;
  }

  ElementwiseAttributes attributes_;
  int inputs_[kMaxOperands] = {-1, -1, -1};  // of operands; -1: a number, or none
  Shape shapes_[kMaxOperands];
  int32_t summed_[kMaxOperands] = {};  // axes along which an operand is broadcast
  std::vector<int> stepInputs_;
  NodeOutput result_{Shape{}, DType::Float32, false, false, false, false};
  std::string whyNotStreamable_;
};

}  // namespace

std::unique_ptr<Layer> makeElementwiseLayer() { return std::make_unique<ElementwiseLayer>(); }

}  // namespace sluice
