// A model's description, checked and with all shapes known: what plans are compiled from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/core/tensor.h"
#include "engine/core/value.h"
#include "engine/graph/initializer.h"

namespace sluice {

class Layer;

// Extents below zero are symbols: the batch, and one for each unknown extent of an input.
constexpr int64_t kBatchExtent = -1;
constexpr int64_t symbolExtent(int64_t symbol) { return -2 - symbol; }
constexpr bool isSymbol(int64_t extent) { return extent < 0; }
constexpr int64_t symbolNumber(int64_t extent) { return -2 - extent; }  // -1 for the batch

// "[null,100,10]"
std::string describeShape(const Shape& symbolic);

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
};

struct NodeOutput {
  Shape shape;  // with the batch axis; symbolic
  DType dtype = DType::Float32;
  // Whether it has steps (axis 1), and whether the masks of those steps are known when each input
  // has one.
  bool sequence = false;
  bool masked = false;
};

struct Node {
  std::string kind;
  std::string name;
  std::vector<ValueRef> inputs;
  std::vector<NodeOutput> outputs;
  std::unique_ptr<Layer> layer;  // null for inputs
  std::vector<int> parameters;   // indices, also those of another node that it shares
  std::vector<int> states;
  bool shared = false;  // uses another node's parameters
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
  int64_t symbols = 0;          // number of unknown extents
  int64_t parameterFloats = 0;  // length of the flat buffer, padding included

  const NodeOutput& at(ValueRef ref) const {
    return nodes[static_cast<size_t>(ref.node)].outputs[static_cast<size_t>(ref.output)];
  }
  const Node* findNode(const std::string& name) const;
  int findParameter(const std::string& name) const;  // -1 if absent
  // Freezes or thaws all parameters of a layer; INVALID_ARGUMENT if there is no such layer.
  void setTrainable(const std::string& layer, bool trainable);
};

}  // namespace sluice
