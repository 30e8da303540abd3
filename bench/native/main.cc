// Sluice's kernels without an engine or JavaScript around them, and the machine's limits. How such
// a process is spoken to: bench/drivers/protocol.mjs.
//
//   echo "run 20" | sluice_bench kind=training batch=32 steps=100 features=10 units=64 threads=2
#include <cstdio>
#include <exception>

#include "work.h"

namespace {

bench::Work workOf(const bench::Case& c) {
  const std::string& kind = c.text("kind");
  if (kind == "inference") return bench::recurrentInference(c);
  if (kind == "training") return bench::recurrentTraining(c);
  if (kind == "fma") return bench::fusedMultiplyAdds(c);
  if (kind == "sgemm") return bench::sgemm(c);
  if (kind == "tile") return bench::registerTile(c);
  throw std::invalid_argument("there is no kind " + kind);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    bench::serve(workOf(bench::Case(argc, argv)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
