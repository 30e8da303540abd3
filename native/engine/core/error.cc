#include "engine/core/error.h"

namespace sluice {

const char* codeName(Code code) {
  switch (code) {
    case Code::ShapeMismatch:
      return "SHAPE_MISMATCH";
    case Code::InvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::NonFinite:
      return "NON_FINITE";
    case Code::Aborted:
      return "ABORTED";
    case Code::Busy:
      return "BUSY";
    case Code::Disposed:
      return "DISPOSED";
    case Code::Format:
      return "FORMAT";
    case Code::Unsupported:
      return "UNSUPPORTED";
    case Code::Config:
      return "CONFIG";
    case Code::OutOfMemory:
      return "OUT_OF_MEMORY";
    case Code::DeviceUnavailable:
      return "DEVICE_UNAVAILABLE";
    case Code::Internal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

}  // namespace sluice
