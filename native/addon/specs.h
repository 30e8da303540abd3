// Reading the objects that configure a model or a run.
#pragma once

#include <napi.h>

#include <string>
#include <string_view>
#include <utility>

#include "engine/model/model.h"

namespace sluice::addon {

TrainingSpec readTrainingSpec(Napi::Value value);

struct RunArguments {
  RunOptions options;  // without what follows
  // A CancelToken and a Snapshot, or null; not checked yet.
  Napi::Value cancel, weights;
};
RunArguments readRunOptions(Napi::Value value);

// Whether backward computes again what it can.
inline constexpr std::pair<std::string_view, bool> kMemories[] = {{"fast", false}, {"low", true}};

inline constexpr std::pair<std::string_view, Precision> kPrecisions[] = {
    {"float32", Precision::Float32},
    {"tf32", Precision::TensorFloat32},
    {"bfloat16", Precision::BFloat16},
    {"float16", Precision::Float16},
};

// Of one row: an array of whole numbers, without the batch axis.
Shape readRowShape(Napi::Value value, const std::string& what, int64_t most);

// 'train', 'evaluate', 'predict', 'gradients', 'vjp'.
RunKind readRunKind(Napi::Value value);

}  // namespace sluice::addon
