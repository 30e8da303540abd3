// What the native driver can be asked to do, by the case's kind.
#pragma once

#include "protocol.h"

namespace bench {

Work recurrentInference(const Case& c);  // the kernel alone, weights packed before
Work recurrentTraining(const Case& c);   // packing, forward, backward with all gradients

// Each of threads=N threads by itself; one iteration is the arithmetic that bench/cases.mjs names.
Work fusedMultiplyAdds(const Case& c);
Work sgemm(const Case& c);
Work registerTile(const Case& c);

}  // namespace bench
