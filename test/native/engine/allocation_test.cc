// What runs allocate once they have run before: nothing of the size of their data.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/model/measure.h"
#include "engine/model/session.h"
#include "engine/plan/plan.h"
#include "engine/runtime/threads.h"
#include "support/allocations.h"
#include "support/model.h"
#if SLUICE_CPU
#include "cpu/targets.h"
#else
namespace sluice::test {
template <typename F>
void onEveryTarget(F&& body) {
  body();
}
}  // namespace sluice::test
#endif

namespace sluice::test {
namespace {

class Allocation : public testing::Test {
 protected:
  void SetUp() override {
    if (!canCountAllocations()) GTEST_SKIP() << "the allocator is not ours to watch";
  }
  void TearDown() override { setThreads(0); }
};

// Both directions, dropout, windows of all kinds, attention, a GRU whose reset comes first, a dense
// layer with penalties.
Value manyLayers() {
  const Members sequences{{"returnSequences", Value::boolean(true)}};
  const Members same{{"padding", Value::string("same")}};
  return description(
      {inputNode("x", {-1, 3}),
       node("bidirectional", "both", {{"x", 0}},
            bidirectionalOptions(gruOptions(40, sequences), "concat")),
       node("dropout", "dropout", {{"both", 0}}, {{"rate", Value::number(0.3)}}),
       node("conv1d", "conv", {{"dropout", 0}}, convolutionOptions(20, {3}, same)),
       node("depthwiseConv1d", "depthwise", {{"conv", 0}},
            convolutionOptions(0, {3}, with(same, {{"depthMultiplier", Value::number(2)}}))),
       node("maxPooling1d", "pool", {{"depthwise", 0}}, windowOptions("poolSize", {3}, same)),
       node("multiHeadAttention", "heads", {{"pool", 0}, {"pool", 0}},
            multiHeadOptions(2, 8, 8, {{"dropout", Value::number(0.3)}})),
       node("additiveAttention", "sums", {{"heads", 0}, {"heads", 0}}, attentionOptions()),
       node("gru", "gru", {{"sums", 0}}, gruOptions(70, {{"resetAfter", Value::boolean(false)}})),
       node("dense", "dense", {{"gru", 0}},
            denseOptions(2, {{"activation", activationValue("tanh")},
                             {"kernelRegularizer", penaltyValue(0.1, 0.2)},
                             {"activityRegularizer", penaltyValue(0.1, 0)}}))},
      {{"dense", 0}});
}

PlanRequest requestOf(bool training, bool masked) {
  PlanRequest request;
  request.training = request.losses = request.backward = request.inputGradients = training;
  request.maskedInputs = masked ? 1 : 0;
  return request;
}

TEST_F(Allocation, StepsOfAPlanAllocateNothing) {
  const auto model = Model::create(manyLayers(), 1);
  const std::vector<OutputObjective> objectives{{{}, {{MetricKind::MeanAbsoluteError, 0}}}};
  const Backend* cpu = BackendRegistry::instance().find("cpu");
  if (cpu == nullptr) GTEST_SKIP() << "no cpu";
  for (const bool training : {true, false}) {
    for (const bool masked : {true, false}) {
      const PlanRequest request = requestOf(training, masked);
      const auto plan = std::make_shared<Plan>(
          compilePlan(model->graph(), request, training ? objectives : decltype(objectives){}));
      // Three would do for us, but OpenMP's library makes a team anew when its size changes.
      for (const int threads : {1, 2}) {
        onEveryTarget([&] {
          SCOPED_TRACE(testing::Message() << training << masked << threads);
          const auto bound =
              std::make_shared<BoundPlan>(plan, Extents{33, {40}}, *cpu, threads, true);
          // Packed forms belong to an instruction set.
          const Snapshot weights(model->currentWeights()->floats());
          Buffer arena(bound->arenaBytes()), gradients(weights.floats() * sizeof(float));
          RunMemory memory;
          const MadeUpInputs inputs(*bound, model->graph(), memory);
          memory.arena = arena.data();
          memory.gradients = gradients.data();
          memory.parameters = weights.values();
          memory.snapshot = &weights;
          RunContext context;
          context.threads = threads;
          Frame frame(bound, model->graph().parameters);
          frame.run(memory, context);
          const Allocations made = allocationsOf([&] {
            for (int i = 0; i < 3; ++i) frame.run(memory, context);
          });
          EXPECT_EQ(made.count, 0u) << made.bytes << " bytes";
        });
      }
    }
  }
}

TEST_F(Allocation, PushesAllocateNothing) {
  if (BackendRegistry::instance().find("cpu") == nullptr) GTEST_SKIP() << "no cpu";
  onEveryTarget([] {
    Session session(Model::create(referenceModel(), 1));
    const float x[3] = {1, 2, 3};
    float y[2];
    const float* in = x;
    float* out = y;
    session.push(&in, &out);
    const Allocations made = allocationsOf([&] {
      for (int i = 0; i < 10; ++i) session.push(&in, &out);
    });
    EXPECT_EQ(made.count, 0u) << made.bytes << " bytes";
  });
}

// A whole run makes its plan's frame and its results anew: a few KiB, whatever the batch; weights,
// gradients and scratch memory are those of the run before.
TEST_F(Allocation, RunsAllocateTheirResultsAndALittle) {
  if (BackendRegistry::instance().find("cpu") == nullptr) GTEST_SKIP() << "no cpu";
  constexpr size_t kLittle = 16 << 10;
  const Members units{{"units", Value::number(100)}};
  for (const int threads : {1, 2}) {
    setThreads(threads);
    for (const RunKind kind : {RunKind::Train, RunKind::Evaluate, RunKind::Predict}) {
      for (const int64_t rows : {2, 200}) {
        const auto model = Model::create(referenceModel(3, units), 1);
        model->compile(adam(0.02));
        const auto batch = trainingBatch(*model, rows, 20, 1);
        RunOptions options;
        for (int i = 0; i < 3; ++i) model->run(kind, *batch, options);
        const Allocations made = allocationsOf([&] { model->run(kind, *batch, options); });
        size_t results = 0;
        for (const auto& output : batch->outputs) results += output.buffer.bytes();
        EXPECT_LE(made.bytes, kLittle + results) << static_cast<int>(kind) << " rows " << rows;
        EXPECT_LE(made.count, 100u);
      }
    }
  }
}

TEST_F(Allocation, AreCounted) {
  const Allocations made = allocationsOf([] {
    const Buffer buffer(1000);
    const std::vector<float> floats(10);
    volatile const auto* kept = std::make_unique<int64_t>().release();
    delete kept;
  });
  EXPECT_EQ(made.count, 3u);
  EXPECT_GE(made.bytes, 1000 + 40 + 8u);
}

}  // namespace
}  // namespace sluice::test
