#include "engine/graph/graph.h"

#include <algorithm>
#include <limits>
#include <map>

#include "engine/core/memory.h"
#include "engine/graph/layer.h"

namespace sluice {
namespace {

constexpr size_t kMaxNodes = 10000;
constexpr size_t kMaxEnds = 64;  // inputs, outputs: plans note them in one word
constexpr int64_t kFloatsPerLine = 16;

struct Raw {
  std::string kind, name, sharedWith;
  const Value* options = nullptr;
  std::vector<std::pair<std::string, int64_t>> inputs;
};

const Value& member(const Value& object, const char* key, const std::string& what) {
  object.asObject(what);
  if (const Value* found = object.find(key)) return *found;
  fail(Code::Config, cat(what, " has no '", key, "'"),
       {.layer = what, .option = key, .expected = "a value", .received = "nothing"});
}

std::pair<std::string, int64_t> readRef(const Value& value, const std::string& what) {
  const auto& pair = value.asArray(what);
  if (pair.size() != 2)
    fail(Code::Config, cat(what, " must be [node name, output index]"),
         {.layer = what,
          .option = "inputs",
          .expected = "[node name, output index]",
          .received = value.text()});
  return {pair[0].asString(what), pair[1].asInteger(what)};
}

Raw readNode(const Value& value, size_t position) {
  const std::string what = cat("node ", position);
  Raw raw;
  raw.name = member(value, "name", what).asString(what + ": name");
  const auto isUnfit = [](unsigned char c) { return c == '/' || c < ' '; };
  if (raw.name.empty() || raw.name.size() > 200 ||
      std::any_of(raw.name.begin(), raw.name.end(), isUnfit))
    fail(Code::Config,
         cat(what, ": a name has 1 to 200 characters, no '/' and no control character, received '",
             raw.name, "'"),
         {.layer = raw.name,
          .option = "name",
          .expected = "1 to 200 characters, no '/'",
          .received = cat("'", raw.name, "'")});
  raw.kind = member(value, "kind", raw.name).asString(raw.name + ": kind");
  raw.options = &member(value, "options", raw.name);
  for (const Value& input : member(value, "inputs", raw.name).asArray(raw.name + ": inputs"))
    raw.inputs.push_back(readRef(input, raw.name + ": input"));
  if (const Value* shared = value.find("sharedWith"))
    raw.sharedWith = shared->asString(raw.name + ": sharedWith");
  return raw;
}

// Kahn's algorithm, stable: nodes keep the description's order where they may.
std::vector<size_t> topologicalOrder(const std::vector<Raw>& raws,
                                     const std::map<std::string, size_t>& byName) {
  std::vector<std::vector<size_t>> readers(raws.size());
  std::vector<size_t> missing(raws.size());
  for (size_t i = 0; i < raws.size(); ++i) {
    const auto dependOn = [&](const std::string& name) {
      const auto found = byName.find(name);
      if (found == byName.end())
        fail(Code::Config, cat(raws[i].name, ": there is no node '", name, "'"),
             {.layer = raws[i].name,
              .option = "inputs",
              .expected = "the name of a node",
              .received = name});
      readers[found->second].push_back(i);
      ++missing[i];
    };
    for (const auto& input : raws[i].inputs) dependOn(input.first);
    if (!raws[i].sharedWith.empty()) dependOn(raws[i].sharedWith);
  }
  std::vector<size_t> ready, order;
  for (size_t i = raws.size(); i-- > 0;)
    if (missing[i] == 0) ready.push_back(i);
  while (!ready.empty()) {
    const size_t i = ready.back();
    ready.pop_back();
    order.push_back(i);
    for (size_t k = readers[i].size(); k-- > 0;)
      if (--missing[readers[i][k]] == 0) ready.push_back(readers[i][k]);
  }
  if (order.size() < raws.size())
    for (size_t i = 0; i < raws.size(); ++i)
      if (missing[i] > 0)
        fail(Code::Config, cat(raws[i].name, " is part of a cycle or reads from one"),
             {.layer = raws[i].name,
              .option = "inputs",
              .expected = "nodes that do not depend on it",
              .received = "a cycle"});
  return order;
}

void buildInput(const Raw& raw, Node& node, int64_t& symbols, int64_t steps) {
  if (!raw.inputs.empty())
    fail(Code::Config, raw.name + ": an input has no inputs",
         {.layer = raw.name,
          .option = "inputs",
          .expected = "none",
          .received = cat(raw.inputs.size())});
  OptionReader options(raw.name, *raw.options);
  const auto& extents = options.array("shape");
  if (extents.empty() || extents.size() >= kMaxRank)
    fail(Code::Config,
         cat(raw.name, ": shape has 1 to ", kMaxRank - 1, " extents, received ", extents.size()),
         {.layer = raw.name,
          .option = "shape",
          .expected = cat("1 to ", kMaxRank - 1, " extents"),
          .received = cat(extents.size())});
  NodeOutput output;
  output.shape.rank = static_cast<int32_t>(extents.size()) + 1;
  output.shape[0] = kBatchExtent;
  for (int i = 1; i < output.shape.rank; ++i) {
    const Value& extent = extents[static_cast<size_t>(i - 1)];
    if (extent.isNull()) {
      output.shape[i] = symbolExtent(symbols++);
      continue;
    }
    output.shape[i] = extent.asInteger(raw.name + ": shape");
    if (output.shape[i] < 1 || output.shape[i] > kMaxElements)
      fail(Code::Config, cat(raw.name, ": an extent is from 1 to 2^40, received ", output.shape[i]),
           {.layer = raw.name,
            .option = "shape",
            .expected = "from 1 to 2^40",
            .received = cat(output.shape[i])});
  }
  static constexpr DType kTypes[] = {DType::Float32, DType::Int32, DType::Bool};
  output.dtype = kTypes[options.choice("dtype", {"float32", "int32", "bool"})];
  // [steps] is a sequence of numbers of things; of floats it is one vector.
  output.sequence = output.shape.rank >= 3 || output.dtype == DType::Int32;
  output.masked = output.sequence;
  if (output.sequence && steps >= 0) output.shape[1] = steps;
  options.finish();
  node.outputs.push_back(output);
}

void requireRows(const Raw& raw, const Layer& layer, const std::vector<NodeOutput>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].batched && !layer.takesWeights())
      fail(Code::ShapeMismatch,
           cat(raw.name, ": input ", i, " is a weight ", describeShape(inputs[i].shape),
               ", which has no rows; a ", raw.kind, " layer takes none"),
           {.layer = raw.name,
            .option = "inputs",
            .expected = "a value with a batch axis",
            .received = describeShape(inputs[i].shape)});
}

void checkModelOutput(const Node& node, const NodeOutput& output) {
  if (output.dtype != DType::Float32)
    fail(Code::Unsupported, node.name + ": an output must be float32",
         {.layer = node.name,
          .option = "outputs",
          .expected = "float32",
          .received = dtypeName(output.dtype)});
  const int least = output.sequence ? 3 : 2;
  if (!output.batched || output.shape.rank < least)
    fail(Code::ShapeMismatch,
         cat(node.name, ": an output must be ", least == 3 ? "[batch,steps,...]" : "[batch,...]",
             " with values behind it, received ", describeShape(output.shape),
             output.batched ? "; keep the reduced axis" : ", a weight"),
         {.layer = node.name,
          .option = "outputs",
          .expected = least == 3 ? "at least three axes" : "at least two axes",
          .received = describeShape(output.shape)});
}

// Outputs for one row of one step each: whatever the run, they take at least that.
void checkOutputs(const Node& node) {
  for (const NodeOutput& output : node.outputs) {
    Shape least = output.shape;
    for (int i = 0; i < least.rank; ++i) least[i] = std::max<int64_t>(1, least[i]);
    requireElements(least, node.name);
  }
}

// Nodes as they become known by name.
struct Assembly {
  Graph& graph;
  int64_t steps = -1;
  int output = -1;  // whose loss it is
  std::map<std::string, int> known = {};

  ValueRef resolve(const std::pair<std::string, int64_t>& ref, const std::string& what) const {
    const auto found = known.find(ref.first);
    if (found == known.end())
      fail(Code::Config, cat(what, ": there is no node '", ref.first, "'"),
           {.layer = what,
            .option = "inputs",
            .expected = "the name of a node",
            .received = ref.first});
    const int node = found->second;
    const auto outputs =
        static_cast<int64_t>(graph.nodes[static_cast<size_t>(node)].outputs.size());
    if (ref.second < 0 || ref.second >= outputs)
      fail(Code::Config,
           cat(what, ": ", ref.first, " has ", outputs, " outputs, number ", ref.second,
               " is not there"),
           {.layer = what,
            .option = "inputs",
            .expected = cat("one of the ", outputs, " outputs of ", ref.first),
            .received = cat(ref.second)});
    return {node, static_cast<int>(ref.second)};
  }

  // What a loss compares: shaped as the output.
  bool standsForOutput(const Raw& raw, Node& node) const {
    if (output < 0 || (raw.kind != "target" && raw.kind != "prediction")) return false;
    if (!raw.inputs.empty())
      fail(Code::Config, cat(raw.name, ": a ", raw.kind, " has no inputs"),
           {.layer = raw.name,
            .option = "inputs",
            .expected = "none",
            .received = cat(raw.inputs.size())});
    OptionReader(raw.name, *raw.options).finish();
    (raw.kind == "target" ? node.target : node.prediction) = output;
    node.outputs.push_back(graph.at(graph.outputs[static_cast<size_t>(output)]));
    return true;
  }

  void add(const Raw& raw) {
    Node node;
    node.kind = raw.kind;
    node.name = node.owner = raw.name;
    if (standsForOutput(raw, node)) {
    } else if (raw.kind == "input") {
      buildInput(raw, node, graph.symbols, steps);
    } else {
      std::vector<NodeOutput> inputs;
      for (const auto& ref : raw.inputs) {
        node.inputs.push_back(resolve(ref, raw.name));
        inputs.push_back(graph.at(node.inputs.back()));
      }
      OptionReader options(raw.name, *raw.options);
      LayerBuild build(graph, options, std::move(inputs), steps);
      node.layer = makeLayer(raw.kind, raw.name);
      requireRows(raw, *node.layer, build.inputs);
      node.layer->build(build);
      options.finish();
      node.outputs = std::move(build.outputs);
      node.ids = build.ids;
      if (!raw.sharedWith.empty()) {
        const Node& owner = graph.nodes[static_cast<size_t>(known.at(raw.sharedWith))];
        bool equal = owner.kind == raw.kind && owner.parameters.size() == build.parameters.size();
        for (size_t p = 0; equal && p < build.parameters.size(); ++p)
          equal = graph.parameters[static_cast<size_t>(owner.parameters[p])].shape ==
                  build.parameters[p].shape;
        if (!equal)
          fail(Code::ShapeMismatch,
               cat(raw.name, ": its parameters do not have the shapes of those of ", raw.sharedWith,
                   ", with which it shares them"),
               {.layer = raw.name,
                .option = "inputs",
                .expected = "the parameters of " + raw.sharedWith,
                .received = "others"});
        node.parameters = owner.parameters;
        node.owner = raw.sharedWith;
      } else {
        for (const auto& spec : build.parameters) {
          Parameter parameter;
          parameter.name = raw.name + "/" + spec.name;
          parameter.layer = raw.name;
          parameter.shape = spec.shape;
          parameter.initializer = spec.initializer;
          parameter.penalty = spec.penalty;
          parameter.constraint = spec.constraint;
          parameter.trainable = spec.trainable;
          parameter.offset = graph.parameterFloats;
          const int64_t n = requireElements(spec.shape, parameter.name);
          graph.parameterFloats += (n + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
          if (graph.parameterFloats > kMaxElements)
            fail(Code::OutOfMemory, "the model has more parameters than any machine holds",
                 {.layer = raw.name});
          node.parameters.push_back(static_cast<int>(graph.parameters.size()));
          graph.parameters.push_back(std::move(parameter));
        }
        const Value* trainable = raw.options->find("trainable");
        const bool frozen = trainable != nullptr && !trainable->isNull() &&
                            !trainable->asBoolean(raw.name + ": option trainable");
        for (const int p : node.parameters)
          graph.parameters[static_cast<size_t>(p)].frozen = frozen;
      }
      for (const auto& spec : build.states) {
        node.states.push_back(static_cast<int>(graph.states.size()));
        const int start = spec.start < 0 ? -1 : node.parameters[static_cast<size_t>(spec.start)];
        graph.states.push_back(
            {raw.name + "/" + spec.name, raw.name, spec.size, spec.carried, start});
      }
    }
    checkOutputs(node);
    known[raw.name] = static_cast<int>(graph.nodes.size());
    graph.nodes.push_back(std::move(node));
  }
};

std::vector<Raw> readNodes(const Value& description, const std::string& what,
                           const std::string& prefix, std::map<std::string, size_t>& byName) {
  const auto& items = member(description, "nodes", what).asArray("nodes");
  if (items.empty() || items.size() > kMaxNodes)
    fail(Code::Config, cat("a model has 1 to ", kMaxNodes, " nodes, received ", items.size()));
  std::vector<Raw> raws;
  for (size_t i = 0; i < items.size(); ++i) {
    Raw& raw = raws.emplace_back(readNode(items[i], i));
    raw.name = prefix + raw.name;
    for (auto& input : raw.inputs) input.first = prefix + input.first;
    if (!raw.sharedWith.empty()) raw.sharedWith = prefix + raw.sharedWith;
    if (!byName.emplace(raw.name, i).second)
      fail(Code::Config, cat("two nodes are called '", raw.name, "'"),
           {.layer = raw.name,
            .option = "name",
            .expected = "a name of its own",
            .received = cat("'", raw.name, "'")});
  }
  return raws;
}

}  // namespace

Graph::Graph() = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
Graph::~Graph() = default;

Graph Graph::parse(const Value& description, int64_t steps) {
  std::map<std::string, size_t> byName;
  const std::vector<Raw> raws = readNodes(description, "the model description", "", byName);
  Graph graph;
  Assembly assembly{graph, steps};
  for (const size_t index : topologicalOrder(raws, byName)) assembly.add(raws[index]);
  for (size_t i = 0; i < raws.size(); ++i)
    if (raws[i].kind == "input") graph.inputs.push_back(assembly.known.at(raws[i].name));
  if (graph.inputs.empty())
    fail(Code::Config, "the model has no input",
         {.option = "inputs", .expected = "at least one", .received = "none"});
  const auto& outputs = member(description, "outputs", "the model description").asArray("outputs");
  if (outputs.empty())
    fail(Code::Config, "the model has no output",
         {.option = "outputs", .expected = "at least one", .received = "none"});
  if (graph.inputs.size() > kMaxEnds || outputs.size() > kMaxEnds)
    fail(Code::Unsupported, cat("a model has at most ", kMaxEnds, " inputs and outputs"),
         {.option = "outputs",
          .expected = cat("at most ", kMaxEnds),
          .received = cat(graph.inputs.size(), " and ", outputs.size())});
  for (const Value& output : outputs)
    graph.outputs.push_back(assembly.resolve(readRef(output, "outputs"), "outputs"));
  for (const ValueRef ref : graph.outputs)
    checkModelOutput(graph.nodes[static_cast<size_t>(ref.node)], graph.at(ref));
  graph.expectInputsUsed();
  requireMemory(static_cast<size_t>(graph.parameterFloats) * sizeof(float),
                "the model's parameters");
  return graph;
}

void Graph::expectInputsUsed() const {
  std::vector<bool> used(nodes.size());
  for (const ValueRef ref : outputs) used[static_cast<size_t>(ref.node)] = true;
  for (size_t i = nodes.size(); i-- > 0;)
    for (const ValueRef ref : nodes[i].inputs)
      if (used[i]) used[static_cast<size_t>(ref.node)] = true;
  for (const int input : inputs)
    if (const auto i = static_cast<size_t>(input); !used[i])
      fail(Code::Config, "no output depends on input " + nodes[i].name,
           {.layer = nodes[i].name,
            .option = "inputs",
            .expected = "an input that an output depends on",
            .received = cat("'", nodes[i].name, "'")});
}

ValueRef Graph::append(const Value& fragment, int output, const std::string& prefix) {
  std::map<std::string, size_t> byName;
  const std::vector<Raw> raws = readNodes(fragment, "a loss", prefix, byName);
  const size_t weights = parameters.size(), carried = states.size();
  Assembly assembly{*this, -1, output};
  for (const size_t index : topologicalOrder(raws, byName)) {
    const Raw& raw = raws[index];
    if (raw.kind == "input")
      fail(Code::Config, raw.name + ": a loss reads its target and its prediction alone",
           {.layer = raw.name});
    assembly.add(raw);
    if (parameters.size() > weights || states.size() > carried)
      fail(Code::Config, raw.name + ": a loss has no weights and no states", {.layer = raw.name});
  }
  auto ref = readRef(member(fragment, "value", "a loss"), "value");
  ref.first = prefix + ref.first;
  const ValueRef value = assembly.resolve(ref, "value");
  if (!at(value).batched || at(value).dtype != DType::Float32)
    fail(Code::ShapeMismatch, ref.first + ": a loss has values for each row", {.layer = ref.first});
  return value;
}

const Node* Graph::findNode(const std::string& name) const {
  for (const Node& node : nodes)
    if (node.name == name) return &node;
  return nullptr;
}

int Graph::findParameter(const std::string& name) const {
  for (size_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].name == name) return static_cast<int>(i);
  return -1;
}

void Graph::setTrainable(const std::string& layer, bool trainable) {
  const Node* node = findNode(layer);
  if (node == nullptr)
    fail(Code::InvalidArgument, cat("there is no layer '", layer, "'"),
         {.layer = layer, .received = layer});
  for (const int p : node->parameters) parameters[static_cast<size_t>(p)].frozen = !trainable;
}

}  // namespace sluice
