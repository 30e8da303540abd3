// y = f(windows of x times the kernel + b), along one axis or two; channels last. Equations:
// docs/semantics.md.
#include "engine/core/memory.h"
#include "engine/layers/output_activation.h"
#include "engine/layers/window.h"

namespace sluice {
namespace {

constexpr int64_t kMaxFilters = int64_t{1} << 30;

// Convolution and depthwise convolution differ in the kernel's last extent and in their ops.
class ConvolutionLayer final : public Layer {
 public:
  ConvolutionLayer(int axes, bool depthwise) : axes_(axes), depthwise_(depthwise) {}

  void build(LayerBuild& build) override {
    expectWindowInput(build, axes_);
    OptionReader& options = build.options;
    const bool takesCausal = axes_ == 1 && !depthwise_;
    window_ = readWindow(options, axes_, "kernelSize",
                         takesCausal ? std::initializer_list<const char*>{"valid", "same", "causal"}
                                     : std::initializer_list<const char*>{"valid", "same"});
    if (std::max(window_.stride[0], window_.stride[1]) > 1 &&
        std::max(window_.dilation[0], window_.dilation[1]) > 1)
      fail(Code::Config, build.name() + ": strides and dilationRate cannot both be above 1",
           {.layer = build.name(),
            .option = "dilationRate",
            .expected = "1, or strides of 1",
            .received = cat(std::max(window_.dilation[0], window_.dilation[1]))});
    const int64_t last =
        options.integer(depthwise_ ? "depthMultiplier" : "filters", 1, kMaxFilters);
    activation_ = OutputActivation(options, "activation");
    useBias_ = options.boolean("useBias");
    const WeightOptions kernel = options.weight(depthwise_ ? "depthwise" : "kernel");
    const WeightOptions bias = options.weight("bias");
    activity_ = options.penalty("activityRegularizer");
    options.boolean("trainable");

    const int64_t channels = build.inputs[0].shape.last();
    const Shape shape = axes_ == 1 ? makeShape(window_.size[1], channels, last)
                                   : makeShape(window_.size[0], window_.size[1], channels, last);
    requireElements(shape, build.name() + "/kernel");
    const int64_t filters = depthwise_ ? channels * last : last;
    build.addWeight("kernel", shape, kernel);
    if (useBias_) build.addWeight("bias", makeShape(filters), bias);
    build.outputs.push_back(windowOutput(build, window_, filters));
    before_ = streams() ? windowReach(window_, 1) - 1 : 0;
    if (before_ == 0) return;
    const int64_t floats = requireElements(makeShape(before_, channels), build.name());
    build.states.push_back({"inputs", floats, false});
  }

  void forward(NodeContext& node) const override {
    const ValueId x = unmaskedInput(node);
    node.saved().push_back(x);
    const ValueId mask = passMask(node, window_);
    const ValueId y =
        activation_.isLinear() ? node.out(0) : node.newValue(node.node().outputs[0].shape);
    node.saved().push_back(y);
    node.saved().push_back(mask);
    std::vector<ValueId> in{x, node.parameter(0), useBias_ ? node.parameter(1) : kNoValue};
    std::vector<ValueId> out{y};
    if (!depthwise_) {
      // In a stream: the inputs that its windows still reach.
      const ValueId before = before_ > 0 ? node.stateIn(0) : kNoValue;
      const ValueId after = before == kNoValue ? kNoValue : node.newValue(node.shapeOf(before));
      if (before != kNoValue) node.setStateOut(0, after);
      in.push_back(before);
      out.push_back(after);
    }
    node.emit(depthwise_ ? Op::DepthwiseConvolution : Op::Convolution, attributes(window_), in,
              out);
    if (!activation_.isLinear()) activation_.forward(node, y, node.out(0));
    node.penalize(activity_, node.out(0), mask);
  }

  void backward(NodeContext& node) const override {
    ValueId dy = node.gradPenalized(activity_, node.out(0), node.saved()[2], node.gradOut(0));
    if (!activation_.isLinear()) {
      const ValueId inner = node.newValue(node.node().outputs[0].shape);
      activation_.backward(node, node.saved()[1], node.out(0), dy, inner);
      dy = inner;
    }
    const InputGradient dx = inputGradient(node);
    const ValueId dKernel = node.gradParameter(0);
    const ValueId dBias = useBias_ ? node.gradParameter(1) : kNoValue;
    node.emit(depthwise_ ? Op::DepthwiseConvolutionBackward : Op::ConvolutionBackward,
              attributes(window_), {node.saved()[0], node.parameter(0), dy},
              {dx.ofUnmasked, dKernel, dBias});
    finishInputGradient(node, dx);
  }

  std::string whyNotStreamable(const Node&) const override {
    return streams() ? "" : "only one with padding 'causal' and strides 1 sees no later step";
  }

 private:
  bool streams() const {
    return axes_ == 1 && window_.padding == Padding::Causal && window_.stride[1] == 1;
  }

  const int axes_;
  const bool depthwise_;
  WindowAttributes window_;
  OutputActivation activation_;
  PenaltyAttributes activity_;
  bool useBias_ = true;
  int64_t before_ = 0;  // steps that a stream keeps
};

}  // namespace

std::unique_ptr<Layer> makeConv1dLayer() { return std::make_unique<ConvolutionLayer>(1, false); }
std::unique_ptr<Layer> makeConv2dLayer() { return std::make_unique<ConvolutionLayer>(2, false); }
std::unique_ptr<Layer> makeDepthwiseConv1dLayer() {
  return std::make_unique<ConvolutionLayer>(1, true);
}
std::unique_ptr<Layer> makeDepthwiseConv2dLayer() {
  return std::make_unique<ConvolutionLayer>(2, true);
}

}  // namespace sluice
