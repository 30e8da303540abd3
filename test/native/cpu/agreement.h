// Compares a kernel of the CPU backend with the reference in double.
#pragma once

#include "cpu/targets.h"
#include "support/agreement.h"

namespace sluice::test {

// On every instruction set of the machine and for aligned and odd addresses.
inline void expectAgreement(const Case& c, double bound) {
  onEveryTarget([&] {
    for (const int elements : {0, 1, 3}) {
      SCOPED_TRACE("misaligned by " + std::to_string(elements));
      Case copy = misaligned(c, elements);
      expectAsReference(backend("cpu"), copy, bound);
    }
  });
}

inline void expectNoThreadsEffect(const Case& c) {
  onEveryTarget([&] { expectThreadsDoNotMatter(backend("cpu"), c); });
}

}  // namespace sluice::test
