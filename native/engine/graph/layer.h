// What a layer is to the engine: it declares shapes, parameters and states once, and writes its
// forward and backward operations into plans.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/op.h"
#include "engine/graph/graph.h"
#include "engine/graph/options.h"

namespace sluice {

using ValueId = int32_t;
constexpr ValueId kNoValue = -1;

// What a layer sees while the graph is built.
class LayerBuild {
 public:
  LayerBuild(Graph& graph, OptionReader& options, std::vector<NodeOutput> inputs,
             int64_t steps = -1)
      : options(options), inputs(std::move(inputs)), steps(steps), graph_(graph) {}
  // Of a layer inside this one.
  LayerBuild inner(OptionReader& options, std::vector<NodeOutput> inputs) const {
    return {graph_, options, std::move(inputs)};
  }

  struct ParameterSpec {
    std::string name;  // "kernel"
    Shape shape;
    Initializer initializer;
    bool trainable;
    PenaltyAttributes penalty = {};
    ConstraintAttributes constraint = {};
  };
  struct StateSpec {
    std::string name;
    int64_t size;
    bool carried;
    int start = -1;  // as State::start, but which of the layer's own parameters
  };

  OptionReader& options;
  const std::vector<NodeOutput> inputs;
  const int64_t steps;  // >= 0: of every sequence, whatever the options say
  std::vector<NodeOutput> outputs;
  std::vector<ParameterSpec> parameters;
  std::vector<StateSpec> states;
  int64_t ids = 0;  // input 0 is Int32 and holds numbers from 0 to ids-1

  const std::string& name() const { return options.layer(); }
  // CONFIG where the constraint names an axis that the weight does not have.
  void addWeight(const std::string& name, const Shape& shape, const WeightOptions& weight);
  // CONFIG unless the number of inputs is within bounds.
  void expectInputs(size_t least, size_t most) const;
  // SHAPE_MISMATCH unless input i is float, has this rank (with the batch axis) and a known last
  // extent.
  void expectRank(size_t input, int rank, const char* layout) const;
  void expectFloat(size_t input) const;
  // SHAPE_MISMATCH unless all extents of input i are known from axis `first` on.
  void expectKnownExtents(size_t input, int first) const;
  // An option that names an axis of input i behind the batch, perhaps from the end; CONFIG.
  int resolveAxis(size_t input, const std::string& option) const;
  // The same of a number that was read from it, for inputs that may be weights: those have no
  // batch.
  int resolveAxis(size_t input, const std::string& option, int64_t axis) const;
  // SHAPE_MISMATCH unless input i has steps.
  void expectSequence(size_t input) const;
  // An extent of an output that follows from one of an input; SHAPE_MISMATCH where that is too
  // small, for an unknown one when it becomes known.
  int64_t derive(int64_t extent, const ExtentRule& rule) {
    return graph_.derive(extent, rule, name());
  }

 private:
  Graph& graph_;
};

class NodeContext;

class Layer {
 public:
  virtual ~Layer() = default;
  // Reads the options; may keep what it needs.
  virtual void build(LayerBuild& build) = 0;
  virtual void forward(NodeContext& node) const = 0;
  // Called if a gradient flows into any output and something upstream (or a parameter) wants one.
  virtual void backward(NodeContext& node) const = 0;
  // Why it cannot be stepped in a stream; empty if it can.
  virtual std::string whyNotStreamable(const Node&) const { return {}; }
  // Whether inputs may be weights, which have no batch axis.
  virtual bool takesWeights() const { return false; }
  // Whether a row of the result depends on other rows of the batch.
  virtual bool mixesRows() const { return false; }
};

// A layer by its kind; UNSUPPORTED where there is none.
std::unique_ptr<Layer> makeLayer(const std::string& kind, const std::string& name);

// What a layer sees while a plan is written. Values are tensors of the plan.
class NodeContext {
 public:
  virtual ~NodeContext() = default;

  virtual const Node& node() const = 0;
  virtual bool training() const = 0;          // dropout and the like are active
  virtual bool keepsForBackward() const = 0;  // save what backward needs
  virtual bool savesMemory() const = 0;       // and rather compute again what can be
  virtual WeightsType weights() const = 0;    // of a recurrent layer
  virtual ValueId in(int input) const = 0;
  virtual ValueId mask(int input) const = 0;  // Bool [B,T] or kNoValue
  virtual ValueId parameter(int i) const = 0;
  // Of a parameter that is not trained: the value that it has after a training step, as far as it
  // is written. Nobody but a training step keeps it.
  virtual ValueId nextParameter(int i) const = 0;
  virtual void setNextParameter(int i, ValueId value) = 0;
  virtual bool frozen() const = 0;           // by the user's choice; where there are parameters
  virtual ValueId stateIn(int i) const = 0;  // kNoValue: zeros
  virtual void setStateOut(int i, ValueId value) = 0;
  // The value of an output; created at the first call.
  virtual ValueId out(int output) = 0;
  virtual void setOut(int output, ValueId value) = 0;
  virtual void setOutMask(int output, ValueId mask) = 0;

  virtual ValueId newValue(const Shape& shape, DType dtype = DType::Float32) = 0;
  // Weights that this run makes of a parameter.
  virtual ValueId newWeights(const Shape& shape) = 0;
  // The same elements in another shape: no copy, and nobody writes both.
  virtual ValueId view(ValueId value, const Shape& shape) = 0;
  // An extent of a * b; a symbol where one of them is.
  virtual int64_t product(int64_t a, int64_t b) = 0;
  // Bytes in a layout of the kernel that writes them; who reads them runs on the same backend.
  virtual ValueId newOpaque() = 0;
  // By value: what is added to the plan later may move the values.
  virtual Shape shapeOf(ValueId value) const = 0;
  virtual void emit(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
                    std::vector<ValueId> out) = 0;
  // Forward: what this value costs the loss, where the plan has one.
  virtual void penalize(const PenaltyAttributes& penalty, ValueId value, ValueId mask) = 0;
  // Ahead of all other ops, for what depends on parameters alone: between layers that could run at
  // once it would keep them apart.
  virtual void emitFirst(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
                         std::vector<ValueId> out) = 0;
  // Backward: behind what else the node emits, for the same reason.
  virtual void emitLast(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
                        std::vector<ValueId> out) = 0;
  // Kept from this node's forward to its backward.
  virtual std::vector<ValueId>& saved() = 0;

  // Backward only.
  virtual ValueId gradOut(int output) const = 0;  // kNoValue: no gradient
  virtual bool wantsGradIn(int input) const = 0;
  virtual ValueId gradIn(int input) = 0;  // to be written; created at the call
  virtual void setGradIn(int input,
                         ValueId value) = 0;  // an existing value, only read from then on
  virtual ValueId gradParameter(int i) = 0;   // to be written; kNoValue where frozen
  // The gradient of a value that was penalized, from its gradient (or kNoValue) without that.
  virtual ValueId gradPenalized(const PenaltyAttributes& penalty, ValueId value, ValueId mask,
                                ValueId gradient) = 0;
};

template <typename T>
std::shared_ptr<const void> attributes(const T& value) {
  return std::make_shared<T>(value);
}

}  // namespace sluice
