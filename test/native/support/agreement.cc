#include "support/agreement.h"

#include <cstring>
#include <string>

#include "support/setting.h"
#if SLUICE_CPU
#include "cpu/targets.h"
#endif

namespace sluice::test {

Case misaligned(const Case& c, int elements) {
  Case out = c;
  for (Tensor& t : out.in) t = t.misaligned(elements);
  for (Tensor& t : out.out) t = t.misaligned(elements);
  return out;
}

void FastBackend::SetUp() {
  if (BackendRegistry::instance().find(GetParam()) == nullptr)
    GTEST_SKIP() << "there is no " << GetParam() << " backend";
}

bool FastBackend::isCpu() const { return std::strcmp(GetParam(), "cpu") == 0; }

void FastBackend::onEveryTarget(const std::function<void()>& body) const {
#if SLUICE_CPU
  if (isCpu()) return test::onEveryTarget(body);
#endif
  body();
}

void FastBackend::expectAgreement(const Case& c, double bound) const {
  onEveryTarget([&] {
    for (const int elements : {0, 1, 3}) {
      SCOPED_TRACE("misaligned by " + std::to_string(elements));
      Case copy = misaligned(c, elements);
      expectAsReference(device(), copy, bound);
    }
  });
}

void FastBackend::expectNoThreadsEffect(const Case& c) const {
  if (isCpu()) return onEveryTarget([&] { expectThreadsDoNotMatter(device(), c); });
  std::vector<Case> runs;
  for (const char* order : {"forward", "random"}) {
    const Setting setting("SLUICE_EMULATOR_ORDER", order);
    runs.push_back(c);
    launch(device(), runs.back());
  }
  for (size_t i = 0; i < c.out.size(); ++i)
    EXPECT_TRUE(sameBits(runs[0].out[i], runs[1].out[i])) << "output " << i;
}

}  // namespace sluice::test
