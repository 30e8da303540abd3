// What a layer applies to its result: an element-wise activation, or softmax over the last axis.
#pragma once

#include <string>

#include "engine/graph/layer.h"

namespace sluice {

class OutputActivation {
 public:
  OutputActivation() = default;
  OutputActivation(OptionReader& options, const std::string& name);

  bool isLinear() const { return !softmax_ && spec_.kind == ActivationKind::Linear; }
  // y = f(x)
  void forward(NodeContext& node, ValueId x, ValueId y) const;
  // dx = dy f'(x); x and y are those of forward.
  void backward(NodeContext& node, ValueId x, ValueId y, ValueId dy, ValueId dx) const;

 private:
  std::shared_ptr<const void> softmaxAttributes(NodeContext& node, ValueId y) const;

  ActivationSpec spec_;
  bool softmax_ = false;
};

}  // namespace sluice
