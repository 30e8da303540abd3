#include "engine/layers/window.h"

namespace sluice {
namespace {

// No sum of positions overflows.
constexpr int64_t kMaxWindow = int64_t{1} << 30;

ExtentRule ruleOf(const WindowAttributes& window, int axis) {
  const bool padded = window.padding != Padding::Valid;
  return {.shift = windowShift(window, axis),
          .stride = window.stride[axis],
          .least = padded ? 0 : windowReach(window, axis)};
}

// The axis of the steps.
int firstAxis(const WindowAttributes& window) { return 2 - window.axes; }

bool keepsSteps(const WindowAttributes& window) {
  return ruleOf(window, firstAxis(window)).keeps();
}

}  // namespace

WindowAttributes readWindow(OptionReader& options, int axes, const char* sizeName,
                            std::initializer_list<const char*> paddings) {
  WindowAttributes window;
  window.axes = axes;
  const auto read = [&](const char* name, int64_t(&to)[2]) {
    if (axes == 1)
      to[1] = options.integer(name, 1, kMaxWindow);
    else
      options.integers(name, to, 1, kMaxWindow);
  };
  read(sizeName, window.size);
  read("strides", window.stride);
  if (options.has("dilationRate")) read("dilationRate", window.dilation);
  window.padding = static_cast<Padding>(options.choice("padding", paddings));
  return window;
}

void expectWindowInput(const LayerBuild& build, int axes) {
  build.expectInputs(1, 1);
  build.expectRank(0, axes + 2,
                   axes == 1 ? "[batch,steps,channels]" : "[batch,rows,columns,channels]");
}

NodeOutput windowOutput(LayerBuild& build, const WindowAttributes& window, int64_t channels) {
  NodeOutput output = build.inputs[0];
  for (int axis = firstAxis(window); axis < 2; ++axis) {
    int64_t& extent = output.shape[1 + axis - firstAxis(window)];
    extent = build.derive(extent, ruleOf(window, axis));
  }
  output.shape[output.shape.rank - 1] = channels;
  output.masked = output.masked && keepsSteps(window);
  output.alwaysMasked = output.alwaysMasked && keepsSteps(window);
  return output;
}

ValueId passMask(NodeContext& node, const WindowAttributes& window) {
  if (keepsSteps(window)) return node.mask(0);
  node.setOutMask(0, kNoValue);
  return kNoValue;
}

ValueId unmaskedInput(NodeContext& node) {
  if (node.mask(0) == kNoValue) return node.in(0);
  const ValueId unmasked = node.newValue(node.shapeOf(node.in(0)));
  node.emit(Op::MaskSteps, nullptr, {node.in(0), node.mask(0)}, {unmasked});
  return unmasked;
}

InputGradient inputGradient(NodeContext& node) {
  if (!node.wantsGradIn(0)) return {};
  const ValueId gradient = node.gradIn(0);
  if (node.mask(0) == kNoValue) return {gradient, gradient};
  return {node.newValue(node.shapeOf(node.in(0))), gradient};
}

void finishInputGradient(NodeContext& node, const InputGradient& gradient) {
  if (gradient.ofUnmasked == gradient.ofInput) return;
  node.emit(Op::MaskSteps, nullptr, {gradient.ofUnmasked, node.mask(0)}, {gradient.ofInput});
}

}  // namespace sluice
