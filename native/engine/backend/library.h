// Backends in shared libraries: opened by path when somebody asks for one, never unloaded.
#pragma once

#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace sluice {

// Where a library may lie. A place without a file tells why there is none.
struct LibraryPlace {
  std::string name;      // for people: "the package sluice-cuda-linux-x64"
  std::string file;      // empty: nothing is there
  std::string reason{};  // why not
};

// What became of a place.
struct LibraryAttempt {
  // NotTried: it comes after the library that is the right one.
  enum Status { Taken, Failed, Absent, NotTried };
  Status status = Absent;
  std::string reason;  // why it failed or is absent
};

// Adds the devices of the first library among `places` that is one of this package's `version`, or
// under `name` the reason why there is none; a device that does not work is recorded with its own.
// What was added once stays: the second call for a name does nothing and returns nothing. Any
// thread; one at a time looks.
std::vector<LibraryAttempt> addLibrary(BackendRegistry& registry, const std::string& name,
                                       const std::vector<LibraryPlace>& places,
                                       const std::string& version);

}  // namespace sluice
