// A model's description, checked and with all shapes known: what plans are compiled from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/backend/op.h"
#include "engine/core/tensor.h"
#include "engine/core/value.h"
#include "engine/graph/initializer.h"

namespace sluice {

class Layer;

// Extents below zero are symbols: the batch, one for each unknown extent of an input, and those
// that follow from another one.
constexpr int64_t kBatchExtent = -1;
constexpr int64_t symbolExtent(int64_t symbol) { return -2 - symbol; }
constexpr bool isSymbol(int64_t extent) { return extent < 0; }
constexpr int64_t symbolNumber(int64_t extent) { return -2 - extent; }  // -1 for the batch

// "[null,100,10]"
std::string describeShape(const Shape& symbolic);

// An extent that follows from another one: floor((extent + shift) / stride).
struct ExtentRule {
  int64_t shift = 0;
  int64_t stride = 1;
  int64_t least = 0;  // of the other extent: below it there is nothing
  bool operator==(const ExtentRule&) const = default;
  bool keeps() const { return shift == 0 && stride == 1; }
  // SHAPE_MISMATCH names the layer.
  int64_t operator()(int64_t extent, const std::string& layer) const;
};
struct DerivedSymbol {
  int64_t symbol = 0, of = 0;  // numbers; `of` comes first
  ExtentRule rule;
  std::string layer;  // that asked for it
};

// Which output of which node.
struct ValueRef {
  int node = -1;
  int output = 0;
  bool operator==(const ValueRef&) const = default;
};

struct Parameter {
  std::string name;   // "gru/kernel"
  std::string layer;  // "gru"
  Shape shape;
  Initializer initializer;
  PenaltyAttributes penalty;
  ConstraintAttributes constraint;
  bool trainable = true;  // by its nature; a normaliser's mean is not
  bool frozen = false;    // by the user's choice
  int64_t offset = 0;     // in floats, in the flat buffer; 64-byte aligned

  bool trained() const { return trainable && !frozen; }
};

struct State {
  std::string name;  // "gru/state"
  std::string layer;
  int64_t size = 0;  // floats a row
  bool carried = false;
  int start = -1;  // the parameter that it is before the first step; -1: zeros
};

struct NodeOutput {
  Shape shape;  // with the batch axis; symbolic
  DType dtype = DType::Float32;
  // Whether it has steps (axis 1); whether those are masked when each input is; whether they are in
  // any case, since a layer computes a mask.
  bool sequence = false;
  bool masked = false;
  bool alwaysMasked = false;
  // False: made of weights alone. There is no batch axis, the shape is all there is.
  bool batched = true;
};

struct Node {
  std::string kind;
  std::string name;
  std::vector<ValueRef> inputs;
  std::vector<NodeOutput> outputs;
  std::unique_ptr<Layer> layer;  // null for inputs
  std::vector<int> parameters;   // indices, also those of another node that it shares
  std::vector<int> states;
  int64_t ids = 0;    // its input holds numbers from 0 to ids-1; 0: it does not
  std::string owner;  // whose parameters it uses: its own name, or another node's
  // Of a loss: the output whose target or prediction this is. Such a node has no layer.
  int target = -1, prediction = -1;

  bool shared() const { return owner != name; }
  bool isInput() const { return !layer && target < 0 && prediction < 0; }
};

class Graph {
 public:
  // Throws CONFIG, UNSUPPORTED, SHAPE_MISMATCH, OUT_OF_MEMORY. Nodes come out in topological order.
  // With `steps` >= 0 every sequence has that many steps, whatever the description says: the graph
  // that a stream steps through.
  static Graph parse(const Value& description, int64_t steps = -1);
  Graph();
  Graph(Graph&&) noexcept;
  Graph& operator=(Graph&&) noexcept;
  ~Graph();

  std::vector<Node> nodes;  // in topological order
  std::vector<int> inputs;  // nodes of kind 'input', in the order of the description
  std::vector<ValueRef> outputs;
  std::vector<Parameter> parameters;
  std::vector<State> states;
  int64_t symbols = 0;  // number of unknown extents
  std::vector<DerivedSymbol> derived;
  int64_t parameterFloats = 0;  // length of the flat buffer, padding included

  // Appends the nodes of a loss or a metric of an output: { nodes, value }, whose nodes of kind
  // 'target' and 'prediction' stand for what is compared. Errors as parse; CONFIG also for weights,
  // states and inputs. Returns the value.
  ValueRef append(const Value& fragment, int output, const std::string& prefix);

  // The extent by a rule; of an unknown one a symbol, the same for the same rule.
  int64_t derive(int64_t extent, const ExtentRule& rule, const std::string& layer);
  // Fills in what follows from the symbols that have numbers; -1 stands for one that has none.
  void completeSymbols(std::vector<int64_t>& numbers) const;
  // All symbols, those of inputs being this number.
  std::vector<int64_t> symbolsAt(int64_t number) const;

  // The outputs' for rows of the inputs, all known but the batch; SHAPE_MISMATCH where one does not
  // fit.
  std::vector<Shape> outputShapes(const std::vector<Shape>& rows) const;

  const NodeOutput& at(ValueRef ref) const {
    return nodes[static_cast<size_t>(ref.node)].outputs[static_cast<size_t>(ref.output)];
  }
  const Node* findNode(const std::string& name) const;
  int findParameter(const std::string& name) const;  // -1 if absent
  // CONFIG naming an input on which no output depends.
  void expectInputsUsed() const;
  // Freezes or thaws all parameters of a layer; INVALID_ARGUMENT if there is no such layer.
  void setTrainable(const std::string& layer, bool trainable);
};

}  // namespace sluice
