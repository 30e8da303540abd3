#include "engine/layers/output_activation.h"

namespace sluice {

OutputActivation::OutputActivation(OptionReader& options, const std::string& name) {
  softmax_ = options.activationName(name) == "softmax";
  if (!softmax_) spec_ = options.outputActivation(name);
}

std::shared_ptr<const void> OutputActivation::softmaxAttributes(NodeContext& node,
                                                                ValueId y) const {
  return attributes(SoftmaxAttributes{node.shapeOf(y).rank - 1});
}

void OutputActivation::forward(NodeContext& node, ValueId x, ValueId y) const {
  if (softmax_)
    node.emit(Op::Softmax, softmaxAttributes(node, y), {x, kNoValue}, {y});
  else
    node.emit(Op::Activation, attributes(spec_), {x}, {y});
}

void OutputActivation::backward(NodeContext& node, ValueId x, ValueId y, ValueId dy,
                                ValueId dx) const {
  if (softmax_) {
    node.emit(Op::SoftmaxBackward, softmaxAttributes(node, y), {y, dy, kNoValue}, {dx});
    return;
  }
  const bool fromInput = needsInput(spec_.kind);
  node.emit(Op::ActivationBackward, attributes(spec_),
            {fromInput ? kNoValue : y, dy, fromInput ? x : kNoValue}, {dx});
}

}  // namespace sluice
