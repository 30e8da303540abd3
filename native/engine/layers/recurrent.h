// What all recurrent layers have in common. A core is one direction of one kind of cell; the layer
// and the bidirectional wrapper are written once, over cores. A new cell is its ops and a line in
// recurrent_cells.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/graph/layer.h"

namespace sluice {

// One direction of a recurrence over a whole sequence, as its forward and backward see it.
struct RecurrentCall {
  ValueId x = kNoValue;
  ValueId mask = kNoValue;
  std::vector<ValueId> initial;  // one a state; kNoValue is zeros
  bool reverse = false;          // from the last step to the first; outputs at their own steps
  bool repeatMasked = false;     // the output at a masked step is that of the step before
  bool sharesMasks = false;      // of dropout, with all uses of the layer: steps of one sequence
  int firstParameter = 0;        // in the node
  const char* prefix = "";       // of its parameters, "forward/"
};

class RecurrentCore {
 public:
  virtual ~RecurrentCore() = default;
  virtual int64_t units() const = 0;
  virtual int parameterCount() const = 0;
  virtual int stateCount() const = 0;
  // Adds parameters and states; `prefix` is "" or "forward/".
  virtual void declare(LayerBuild& build, const std::string& prefix, int64_t features) const = 0;
  // `sequence` or kNoValue; `final` has one value a state. What backward needs goes to
  // node.saved().
  virtual void forward(NodeContext& node, const RecurrentCall& call, ValueId sequence,
                       const std::vector<ValueId>& final) const = 0;
  // `saved` is where forward's values begin in node.saved(). Absent gradients are kNoValue.
  virtual void backward(NodeContext& node, const RecurrentCall& call, size_t saved,
                        ValueId dSequence, const std::vector<ValueId>& dFinal, ValueId dx,
                        const std::vector<ValueId>& dInitial) const = 0;
  // Values that forward adds to node.saved().
  virtual int savedCount() const = 0;
  // Which of its parameters a state is before the first step; -1: none, it is zeros.
  virtual int startParameter(int /*state*/) const { return -1; }
};

// How a recurrent layer is used, apart from its cell.
struct RecurrentUse {
  bool repeatMasked = false;
  bool returnSequences = false;
  bool returnState = false;
  bool goBackwards = false;
  bool stateful = false;
  PenaltyAttributes activity;  // on each output
};

// Reads the options of a cell of this kind ('gru') and makes its core; UNSUPPORTED where there is
// none.
std::unique_ptr<RecurrentCore> makeCellCore(const std::string& kind, OptionReader& options);

// The same with the options of a layer.
std::unique_ptr<RecurrentCore> makeRecurrentCore(const std::string& kind, OptionReader& options,
                                                 RecurrentUse& use);

// The same core, which learns its states before the first step: where a call has none, they are
// parameters, `initial_state` [units] and an LSTM's `initial_cell`, the same for each row.
std::unique_ptr<RecurrentCore> learningStart(std::unique_ptr<RecurrentCore> core);

// Whether the states before the first step come from the graph, behind input 0: one for each
// state, or none. SHAPE_MISMATCH unless input `first` and those behind it are such states.
bool takesStart(const LayerBuild& build, int states);
void expectStart(const LayerBuild& build, size_t first, const RecurrentCore& core);

// CONFIG where the states before the first step would come from two places.
void checkStart(const LayerBuild& build, const RecurrentCore& core, bool fromGraph, bool stateful);

// "state" or an LSTM's "cell".
inline const char* stateName(int state) { return state == 0 ? "state" : "cell"; }

// The sum of two gradients either of which may be absent.
ValueId sumOf(NodeContext& node, ValueId a, ValueId b);

}  // namespace sluice
