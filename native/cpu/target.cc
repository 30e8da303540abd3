#include "cpu/target.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "cpu/simd.h"
#include "hwy/highway.h"

namespace sluice::cpu {
namespace {

constexpr const char* kVariable = "SLUICE_TARGET";

std::string upperCase(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return upper;
}

// Highway numbers the best target lowest.
std::vector<std::string> namesOf(int64_t bits) {
  std::vector<std::string> names;
  for (; bits != 0; bits &= bits - 1) names.push_back(hwy::TargetName(bits & -bits));
  return names;
}

// As it can be printed in one line.
std::string shown(std::string_view text) {
  std::string line(text.substr(0, 60));
  for (char& c : line)
    if (std::iscntrl(static_cast<unsigned char>(c))) c = '?';
  return text.size() > 60 ? line + "..." : line;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// 0 where no instruction set of this processor family has that name.
int64_t bitsNamed(std::string_view name) {
  const std::string upper = upperCase(name);
  if (upper == "AVX512") return HWY_AVX3;
  // Which of the two is compiled, if any, depends on compiler and processor family.
  if (upper == "SCALAR" || upper == "EMU128") return HWY_SCALAR | HWY_EMU128;
  for (int bit = 0; bit < 63; ++bit)
    if (upper != "UNKNOWN" && upper == upperCase(hwy::TargetName(int64_t{1} << bit)))
      return int64_t{1} << bit;
  return 0;
}

Targets look() {
  // Asked once: SupportedTargets() gives the kernels that are called next the best target, whatever
  // was disabled before.
  const int64_t running = hwy::SupportedTargets();
  const int64_t here = running & HWY_TARGETS;
  Targets result;
  result.here = namesOf(here);
  result.unused = namesOf(running & ~HWY_TARGETS);
  result.inUse = result.here.front();
  const char* value = std::getenv(kVariable);
  if (value == nullptr || *value == '\0') return result;
  result.forced = shown(value);
  try {
    const int64_t target = targetNamed(value, here);
    hwy::DisableTargets(~target);
    hwy::GetChosenTarget().Update(target);
    result.inUse = hwy::TargetName(target);
  } catch (const Error& error) {
    result.failure = error;
    result.inUse.clear();
  }
  return result;
}

}  // namespace

int64_t targetNamed(std::string_view name, int64_t here) {
  const int64_t bits = bitsNamed(name);
  if ((bits & here) != 0) return bits & here;
  const char* why = bits == 0                   ? "there is no such instruction set"
                    : (bits & HWY_TARGETS) == 0 ? "this build has no kernels for it"
                                                : "this machine lacks it";
  const std::string known = list(namesOf(here));
  fail(Code::DeviceUnavailable, cat(kVariable, "=", shown(name), ": ", why, "; here run ", known),
       {.option = kVariable, .expected = known, .received = shown(name)});
}

const Targets& targets() {
  static const Targets found = look();
  return found;
}

}  // namespace sluice::cpu
