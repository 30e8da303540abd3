#include "addon/wrap.h"

namespace sluice::addon {

napi_type_tag typeTag(uint64_t number) {
  // A second copy of the addon, perhaps of another version, has another address.
  static const char copy = 0;
  return {static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&copy)), number};
}

}  // namespace sluice::addon
