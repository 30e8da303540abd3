// A plan: the operations of one kind of run, compiled from a graph once, with batch and steps as
// symbols. Binding gives the symbols numbers; running is a pure function of what is bound to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/backend/op.h"
#include "engine/graph/graph.h"
#include "engine/graph/layer.h"

namespace sluice {

// Where a value lives.
enum class Storage {
  Arena,
  Parameter,     // index: parameter
  Gradient,      // index: parameter; a view of the flat gradient buffer
  Input,         // index: input
  Mask,          // index: input
  Target,        // index: output
  Weight,        // index: output
  Cotangent,     // index: output
  Scale,         // index: output; Float64 [1]
  PenaltyScale,  // index: PenaltyOf; Float64 [1]
  StateIn,       // index: state
};

// What penalties are on: weights count once an update, activities are divided by the rows of the
// batch.
enum PenaltyOf { kWeightPenalty, kActivityPenalty, kPenaltyKinds };

struct PlanValue {
  Shape shape;                   // symbolic
  DType dtype = DType::Float32;  // Float32 stands for the plan's real type
  Storage storage = Storage::Arena;
  int index = 0;
  bool opaque = false;   // its size is asked of the kernel that writes it
  bool weights = false;  // made of a parameter by this run: kernels that pack it do so each time
  ValueId viewOf = kNoValue;  // whose memory it is; that one is no view itself
};

struct PlanOp {
  Op op = Op::Count;
  std::shared_ptr<const void> attributes;
  std::vector<ValueId> in, out;
  std::string layer;
};

// What a plan is compiled for; together with the graph it determines the plan.
struct PlanRequest {
  DType real = DType::Float32;
  bool training = false;    // dropout is active
  bool losses = false;      // losses and metrics
  bool backward = false;    // gradients of the parameters
  bool cotangents = false;  // gradients start from given cotangents, not from the losses
  bool inputGradients = false;
  bool lowMemory = false;                      // backward computes again what it can
  WeightsType weights = WeightsType::Float32;  // of recurrent layers; others have only that
  bool masksOnly = false;        // what the outputs' masks are made of, and nothing else
  bool allStates = false;        // every state comes in and goes out, not only carried ones
  uint64_t maskedInputs = 0;     // bit i: input i comes with a mask
  uint64_t weightedOutputs = 0;  // bit k: output k comes with sample weights
  uint64_t stepWeights = 0;      // bit k: one a row of the loss, else one a row of the batch

  bool operator==(const PlanRequest&) const = default;
};

// Losses and metrics as the plan needs them.
struct OutputObjective {
  LossAttributes loss;
  std::vector<MetricAttributes> metrics;
  // Of the graph that computes them, for those that users write; else no node.
  ValueRef value = {};
  std::vector<ValueRef> metricValues = {};

  ValueRef metricValue(size_t i) const {
    return i < metricValues.size() ? metricValues[i] : ValueRef{};
  }
};

// How the values of such a loss are weighted: one a row of the loss, as other losses are, or one a
// row of the batch; `shape` ends in the axis that is averaged. SHAPE_MISMATCH for others.
struct LossRows {
  Shape shape;
  bool ofBatch = false;
};
LossRows lossRows(const Graph& graph, size_t output, ValueRef value);

struct Plan {
  // Who holds the memory of a value.
  ValueId root(ValueId value) const {
    const ValueId of = values[static_cast<size_t>(value)].viewOf;
    return of == kNoValue ? value : of;
  }

  PlanRequest request;
  std::vector<PlanValue> values;
  std::vector<PlanOp> ops;
  // Symbols behind those of the graph: products of two extents that are known before.
  std::vector<std::pair<int64_t, int64_t>> products;
  std::vector<ValueId> outputs;
  std::vector<ValueId> outputMasks;              // kNoValue where no mask reaches the output
  std::vector<ValueId> lossSums;                 // per output
  std::vector<std::vector<ValueId>> metricSums;  // per output
  std::vector<bool> lossOfBatchRows;             // per output: LossRows::ofBatch
  std::vector<ValueId> penaltySums;              // of everything that has a penalty, scaled
  std::vector<ValueId> inputGradients;           // per input, kNoValue where none flows
  std::vector<ValueId> statesOut;                // per state, kNoValue where not asked
  std::vector<bool> parameterHasGradient;        // per parameter
  std::vector<ValueId> nextParameters;  // per parameter: what a training step makes of one that no
                                        // optimizer touches; kNoValue: it stays
};

Plan compilePlan(const Graph& graph, const PlanRequest& request,
                 const std::vector<OutputObjective>& objectives);

}  // namespace sluice
