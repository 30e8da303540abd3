// The REFERENCE backend: every op in plain scalar loops, written to be read beside
// docs/semantics.md. It is the oracle of all fast kernels and the ground for finite differences;
// nobody should need its speed.
#pragma once

#include <memory>

#include "engine/backend/backend.h"

namespace sluice {

// Named "reference"; kernels for Float32 and Float64.
std::unique_ptr<Backend> makeReferenceBackend();

}  // namespace sluice
