// Backends in shared libraries: opened by path when somebody asks for one, never unloaded.
#pragma once

#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace sluice {

// Where a library may lie. A place without a file tells why there is none.
struct LibraryPlace {
  std::string name;    // for people: "the package sluice-cuda-linux-x64"
  std::string file;    // empty: nothing is there
  std::string reason;  // why not
};

// Adds the devices of the first library among `places` that can be used, or the reason why there is
// none under `name`. What was added once stays: the second call for a name does nothing. `version`
// is that of this package; the library must have the same.
void addLibrary(BackendRegistry& registry, const std::string& name,
                const std::vector<LibraryPlace>& places, const std::string& version);

}  // namespace sluice
