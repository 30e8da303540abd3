#include "engine/core/tensor.h"

namespace sluice {

const char* dtypeName(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return "float32";
    case DType::Float64:
      return "float64";
    case DType::Int32:
      return "int32";
    case DType::Bool:
      return "bool";
  }
  return "unknown";
}

std::string toString(const Shape& shape) {
  if (shape.rank < 0) return "(none)";
  std::string text = "[";
  for (int i = 0; i < shape.rank; ++i) {
    if (i > 0) text += ",";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace sluice
