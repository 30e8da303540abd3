// What only the CPU backend's recurrences do, and what takes many sizes, on every instruction set
// of the machine.
#include <gtest/gtest.h>

#include "cpu/targets.h"
#include "support/recurrent.h"

namespace sluice::test {
namespace {

const Backend& cpu() { return backend("cpu"); }

void expectAsReference(const RecurrentSizes& sizes, uint64_t seed, int threads = 1) {
  RunContext context;
  context.threads = threads;
  test::expectAsReference(cpu(), sizes, seed, context);
}

template <typename Body>
void onEveryTargetAndCell(const Body& body) {
  onEveryTarget([&] {
    for (const Op op : kRecurrentOps) body(op);
  });
}

TEST(CpuRecurrent, EveryRowCountAndManyWidths) {
  onEveryTargetAndCell([](Op op) {
    for (int64_t B = 1; B <= 9; ++B) {
      for (const int64_t H :
           {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 64, 70})
        expectAsReference(recurrentSizes(op, B, 1 + (B * H) % 7, 1 + (3 * B + H) % 11, H),
                          static_cast<uint64_t>(B * 100 + H));
    }
  });
}

TEST(CpuRecurrent, AroundTheBlockSizes) {
  onEveryTargetAndCell([](Op op) {
    for (const int64_t H : {127, 128, 129, 255, 256, 257})
      expectAsReference(recurrentSizes(op, 5, 3, 40, H), static_cast<uint64_t>(H));
    for (const int64_t I : {128, 256, 300})
      expectAsReference(recurrentSizes(op, 3, 4, I, 20), static_cast<uint64_t>(I));
  });
}

TEST(CpuRecurrent, LongSequences) {
  onEveryTargetAndCell([](Op op) {
    expectAsReference(recurrentSizes(op, 3, 100, 10, 64), 1);
    expectAsReference(recurrentSizes(op, 32, 100, 10, 20), 2, 2);
    expectAsReference(recurrentSizes(op, 1, 1000, 3, 17), 3);
    expectAsReference(recurrentSizes(op, 300, 40, 4, 40), 4, 2);
  });
}

TEST(CpuRecurrent, LayerNormAndClip) {
  onEveryTargetAndCell([](Op op) {
    uint64_t seed = 1;
    for (const MaskKind mask : {MaskKind::None, MaskKind::Right, MaskKind::Holes}) {
      for (const int64_t H : {3, 5, 16, 33, 70}) {
        for (int bits = 0; bits < 8; ++bits) {
          // A norm over two or three columns is close to a step function.
          const int64_t units = op == Op::SimpleRnn ? H + 5 : H;
          RecurrentSizes sizes =
              recurrentSizes(op, 4, 6, 3, units).regularised(bits & 1, bits & 1, bits >> 1 & 1);
          sizes = bits & 4 ? sizes.normalized(seed % 3 ? 0 : 0.5) : sizes;
          if (!(bits & 4)) sizes.attributes.clip = 0.7;
          sizes.mask = mask;
          sizes.bias = seed % 4 != 0;
          sizes.attributes.resetAfter = sizes.norm || op != Op::Gru || seed % 2 != 0;
          sizes.attributes.replace = op == Op::Gru && seed % 5 == 0;
          sizes.attributes.reverse = seed % 3 == 0;
          sizes.attributes.recompute = seed % 5 == 1;
          if (seed % 7 == 0) sizes.attributes.activation.kind = ActivationKind::Softsign;
          expectAsReference(sizes, seed, 1 + static_cast<int>(seed % 2));
          ++seed;
        }
      }
    }
    expectAsReference(recurrentSizes(op, 40, 30, 20, 64).normalized(), 3, 2);
  });
}

TEST(CpuRecurrent, CancelledCallsReturn) {
  const std::atomic<int32_t> cancel{1};
  const RecurrentSizes sizes = recurrentSizes(Op::Gru, 64, 200, 16, 64);
  Random random(10);
  Case forward = recurrentForward(random, sizes, DType::Float32);
  launch(cpu(), forward);
  Case backward = recurrentBackwardOf(random, sizes, forward);
  for (Case* c : {&forward, &backward}) {
    c->context.threads = 3;
    c->context.cancel = &cancel;
    launch(cpu(), *c);
  }
}

}  // namespace
}  // namespace sluice::test
