// What layers with windows share: their options, their outputs, what becomes of masks.
#pragma once

#include <initializer_list>

#include "engine/layers/layers.h"

namespace sluice {

// Reads `sizeName` and, where they are there, strides, padding and dilationRate: numbers where the
// layer has one axis, else pairs. `paddings`: the names of those that it takes, in the order of
// Padding.
WindowAttributes readWindow(OptionReader& options, int axes, const char* sizeName,
                            std::initializer_list<const char*> paddings);

// [batch, positions, channels] or [batch, rows, columns, channels], float32, channels known;
// SHAPE_MISMATCH.
void expectWindowInput(const LayerBuild& build, int axes);

// The output with this many channels. A mask goes on where the steps are those of the input, and
// nowhere else.
NodeOutput windowOutput(LayerBuild& build, const WindowAttributes& window, int64_t channels);
// The same while a plan is written; answers the mask of the output.
ValueId passMask(NodeContext& node, const WindowAttributes& window);

// Input 0 with its masked steps zeroed: a window must not see what stands there.
ValueId unmaskedInput(NodeContext& node);
// Where the gradient of that goes; kNoValue where none is wanted. It has been written when
// `finishInputGradient` is called.
struct InputGradient {
  ValueId ofUnmasked = kNoValue;
  ValueId ofInput = kNoValue;
};
InputGradient inputGradient(NodeContext& node);
void finishInputGradient(NodeContext& node, const InputGradient& gradient);

}  // namespace sluice
