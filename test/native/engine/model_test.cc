// The model: runs, training, snapshots, states, refusals.
#include "engine/model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "engine/backend/backend.h"
#include "engine/model/session.h"
#include "support/devices.h"
#include "support/model.h"

namespace sluice::test {
namespace {

class Devices : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (BackendRegistry::instance().find(GetParam()) == nullptr)
      GTEST_SKIP() << "no " << GetParam();
  }
};

TEST_P(Devices, TrainingLowersTheLoss) {
  const auto model = Model::create(referenceModel(), 1);
  model->compile(adam(0.02));
  const auto batch = trainingBatch(*model, 8, 6, 1);
  const RunResult first = model->run(RunKind::Train, *batch, on(GetParam()));
  for (int i = 0; i < 100; ++i) model->run(RunKind::Train, *batch, on(GetParam()));
  const RunResult last = model->run(RunKind::Evaluate, *batch, on(GetParam()));
  ASSERT_EQ(first.sums.size(), 6u);
  EXPECT_EQ(first.sums[1], 8);
  EXPECT_LT(last.sums[0], 0.2 * first.sums[0]);
  EXPECT_EQ(model->iterations(), 101);
}

TEST_P(Devices, MicroBatchesGiveTheWholeBatchsStep) {
  const auto whole = Model::create(referenceModel(), 1), parts = Model::create(referenceModel(), 1);
  for (const auto& model : {whole, parts}) {
    model->compile(adam(0.02));
    const auto batch = trainingBatch(*model, 7, 6, 1);
    RunOptions options = on(GetParam());
    options.microBatch = model == parts ? 3 : 0;
    for (int i = 0; i < 3; ++i) model->run(RunKind::Train, *batch, options);
  }
  const auto a = whole->currentWeights(), b = parts->currentWeights();
  for (size_t i = 0; i < a->floats(); ++i) ASSERT_NEAR(a->values()[i], b->values()[i], 2e-5);
}

// Kernels choose how to cut by the number of rows: the last, smaller slice may need more scratch.
TEST(Model, SlicesOfFewerRowsMayNeedMoreMemory) {
  if (BackendRegistry::instance().find("cpu") == nullptr) GTEST_SKIP() << "no cpu";
  const auto make = [] {
    return Model::create(referenceModel(3, {{"units", Value::number(64)}}), 1);
  };
  const auto whole = make(), parts = make();
  whole->compile(adam(0.02));
  parts->compile(adam(0.02));
  int64_t large = 0, small = 0;
  size_t most = 0;
  for (int64_t rows = 1; rows <= 400 && small == 0; ++rows) {
    const size_t bytes = whole->explain({RunKind::Train, rows, 50, "cpu"}).arenaBytes;
    if (bytes < most) {
      large = rows;
      small = rows - 1;
    }
    most = std::max(most, bytes);
  }
  if (small == 0) GTEST_SKIP() << "no such number of rows on this machine";
  const auto batch = trainingBatch(*whole, large + small, 50, 1);
  RunOptions options = on("cpu");
  whole->run(RunKind::Train, *batch, options);
  options.microBatch = large;
  parts->run(RunKind::Train, *batch, options);
  const auto a = whole->currentWeights(), b = parts->currentWeights();
  for (size_t i = 0; i < a->floats(); ++i) ASSERT_NEAR(a->values()[i], b->values()[i], 2e-4);
}

TEST(Model, MetricsReadTheTargetsThatTheLossHas) {
  const auto model = Model::create(referenceModel(), 1);
  TrainingSpec sparse = adam(0.02);
  sparse.losses[0].loss.kind = LossKind::SparseCategoricalCrossentropy;
  TrainingSpec dense = adam(0.02);
  dense.metrics[0][0].kind = MetricKind::SparseCategoricalAccuracy;
  for (const TrainingSpec& spec : {sparse, dense}) {
    try {
      model->compile(spec);
      ADD_FAILURE() << "compiled";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::Config);
    }
  }
}

TEST_P(Devices, PredictKeepsItsSnapshotWhileTrainingPublishes) {
  const auto model = Model::create(referenceModel(), 1);
  model->compile(adam(0.02));
  const auto held = model->currentWeights();
  const std::vector<float> before(held->values(), held->values() + held->floats());
  const auto batch = trainingBatch(*model, 8, 6, 1);
  for (int i = 0; i < 5; ++i) model->run(RunKind::Train, *batch, on(GetParam()));
  EXPECT_EQ(0, std::memcmp(before.data(), held->values(), before.size() * sizeof(float)));
  EXPECT_NE(held.get(), model->currentWeights().get());
}

TEST_P(Devices, PushInSequenceEqualsPredict) {
  if (std::string(GetParam()) != "cpu") GTEST_SKIP() << "a session runs on the cpu";
  for (const bool sequences : {false, true}) {
    const auto model = Model::create(
        description({inputNode("x", {9, 3}),
                     node("gru", "gru", {{"x", 0}},
                          gruOptions(5, {{"returnSequences", Value::boolean(true)}})),
                     node("gru", "gru_1", {{"gru", 0}},
                          gruOptions(7, {{"returnSequences", Value::boolean(sequences)}})),
                     node("dense", "dense", {{"gru_1", 0}}, denseOptions(2))},
                    {{"dense", 0}}),
        3);
    Batch batch(model->graph(), 2, {{SlotRole::Input, 0, makeShape(9, 3), DType::Float32}});
    fillRandom(batch, 5);
    model->run(RunKind::Predict, batch, on(GetParam()));
    const float* expected =
        batch.outputs[0].buffer.as<float>() + batch.outputs[0].shape.elements() / 2;
    Session session(model);
    ASSERT_EQ(session.stateSize(), 12);
    float out[2];
    for (int t = 0; t < 9; ++t) {
      const float* in = reinterpret_cast<const float*>(batch.row(0, 1)) + 3 * t;
      float* target = out;
      session.push(&in, &target);
      if (sequences) {
        EXPECT_EQ(0, std::memcmp(out, expected + 2 * t, sizeof out)) << t;
      }
    }
    if (!sequences) {
      EXPECT_EQ(0, std::memcmp(out, expected, sizeof out));
    }
  }
}

TEST_P(Devices, StatefulLayersCarryTheirStates) {
  const auto whole = Model::create(referenceModel(), 1),
             parts = Model::create(referenceModel(3, {{"stateful", Value::boolean(true)}}), 1);
  const auto batch = trainingBatch(*whole, 4, 6, 1);
  Batch x(whole->graph(), 4, {{SlotRole::Input, 0, makeShape(6, 3), DType::Float32}});
  fillRandom(x, 2);
  whole->run(RunKind::Predict, x, on(GetParam()));
  for (int half = 0; half < 2; ++half) {
    Batch part(parts->graph(), 4, {{SlotRole::Input, 0, makeShape(3, 3), DType::Float32}});
    for (int r = 0; r < 4; ++r)
      std::memcpy(part.row(0, r), x.row(0, r) + half * 9 * sizeof(float), 9 * sizeof(float));
    parts->run(RunKind::Predict, part, on(GetParam()));
    if (half == 1) {
      EXPECT_EQ(0, std::memcmp(part.outputs[0].buffer.data(), x.outputs[0].buffer.data(),
                               8 * sizeof(float)));
    }
  }
  EXPECT_EQ(parts->carriedStates()[0].rows, 4);
  Batch other(parts->graph(), 3, {{SlotRole::Input, 0, makeShape(3, 3), DType::Float32}});
  EXPECT_THROW(parts->run(RunKind::Predict, other, on(GetParam())), Error);
  parts->resetCarriedStates();
  parts->run(RunKind::Predict, other, on(GetParam()));
}

TEST_P(Devices, WhatStandsInPaddingIsNeverLookedAt) {
  const auto model = Model::create(
      description({inputNode("x", {-1, 3}), node("dense", "embed", {{"x", 0}}, denseOptions(4)),
                   node("gru", "gru", {{"embed", 0}},
                        gruOptions(5, {{"returnSequences", Value::boolean(true)}})),
                   node("dense", "dense", {{"gru", 0}}, denseOptions(2))},
                  {{"dense", 0}}),
      1);
  model->compile(adam(0.01));
  RunResult results[2];
  for (const bool poison : {false, true}) {
    Batch batch(model->graph(), 3,
                {{SlotRole::Input, 0, makeShape(4, 3), DType::Float32},
                 {SlotRole::Target, 0, makeShape(4, 2), DType::Float32},
                 {SlotRole::Mask, 0, makeShape(4), DType::Bool}});
    fillRandom(batch, 9);
    const uint8_t mask[3][4] = {{1, 1, 0, 0}, {0, 1, 0, 1}, {0, 0, 0, 0}};
    for (int r = 0; r < 3; ++r)
      for (int t = 0; t < 4; ++t) {
        batch.row(2, r)[t] = std::byte{mask[r][t]};
        if (mask[r][t] || !poison) continue;
        for (int f = 0; f < 3; ++f) reinterpret_cast<float*>(batch.row(0, r))[3 * t + f] = NAN;
        for (int f = 0; f < 2; ++f) reinterpret_cast<float*>(batch.row(1, r))[2 * t + f] = NAN;
      }
    results[poison] = model->run(RunKind::Gradients, batch, on(GetParam()));
  }
  EXPECT_EQ(results[0].sums, results[1].sums);
  EXPECT_EQ(results[0].sums[1], 4);
  for (size_t p = 0; p < results[0].gradients.size(); ++p) {
    EXPECT_EQ(results[0].gradients[p].values, results[1].gradients[p].values)
        << results[0].gradients[p].name;
    for (const float g : results[1].gradients[p].values) ASSERT_TRUE(std::isfinite(g));
  }
}

TEST_P(Devices, FrozenLayersStay) {
  const auto model = Model::create(referenceModel(), 1);
  model->compile(adam(0.02));
  model->setTrainable("gru", false);
  const auto before = model->currentWeights();
  const auto batch = trainingBatch(*model, 8, 6, 1);
  for (int i = 0; i < 3; ++i) model->run(RunKind::Train, *batch, on(GetParam()));
  const auto after = model->currentWeights();
  for (const Parameter& p : model->graph().parameters) {
    const bool same = 0 == std::memcmp(before->values() + p.offset, after->values() + p.offset,
                                       static_cast<size_t>(p.shape.elements()) * sizeof(float));
    EXPECT_EQ(same, p.layer == "gru") << p.name;
  }
}

TEST_P(Devices, AnInfiniteLossStopsBeforeTheUpdate) {
  const auto model = Model::create(referenceModel(), 1);
  model->compile(adam(0.02));
  const auto before = model->currentWeights();
  const auto batch = trainingBatch(*model, 8, 6, 1);
  reinterpret_cast<float*>(batch->row(1, 3))[0] = INFINITY;
  try {
    model->run(RunKind::Train, *batch, on(GetParam()));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::NonFinite);
  }
  EXPECT_EQ(before.get(), model->currentWeights().get());
  EXPECT_EQ(model->iterations(), 0);
}

TEST_P(Devices, ZeroRows) {
  const auto model = Model::create(referenceModel(), 1);
  Batch batch(model->graph(), 0, {{SlotRole::Input, 0, makeShape(6, 3), DType::Float32}});
  model->run(RunKind::Predict, batch, on(GetParam()));
  EXPECT_EQ(batch.outputs[0].shape, makeShape(0, 2));
}

TEST_P(Devices, SharedLayersAddTheirGradients) {
  // Two uses of one dense layer against one use on the sum: d(sum)/dW is the sum of both parts.
  const auto model =
      Model::create(description({inputNode("a", {3}), inputNode("b", {3}),
                                 node("dense", "dense", {{"a", 0}}, denseOptions(2)),
                                 node("dense", "again", {{"b", 0}}, denseOptions(2), "dense"),
                                 node("concatenate", "both", {{"dense", 0}, {"again", 0}},
                                      {{"axis", Value::number(-1)}})},
                                {{"both", 0}}),
                    1);
  ASSERT_EQ(model->graph().parameters.size(), 2u);
  Batch batch(model->graph(), 1,
              {{SlotRole::Input, 0, makeShape(3), DType::Float32},
               {SlotRole::Input, 1, makeShape(3), DType::Float32},
               {SlotRole::Cotangent, 0, makeShape(4), DType::Float32}});
  fillRandom(batch, 4);
  const RunResult result = model->run(RunKind::Vjp, batch, on(GetParam()));
  const auto *a = reinterpret_cast<float*>(batch.row(0, 0)),
             *b = reinterpret_cast<float*>(batch.row(1, 0)),
             *d = reinterpret_cast<float*>(batch.row(2, 0));
  for (int i = 0; i < 3; ++i)
    for (int o = 0; o < 2; ++o)
      EXPECT_NEAR(result.gradients[0].values[static_cast<size_t>(i * 2 + o)],
                  a[i] * d[o] + b[i] * d[2 + o], 1e-6);
}

INSTANTIATE_TEST_SUITE_P(All, Devices, testing::Values("reference", "cpu", "cuda"), deviceName);

TEST(Model, CancelledRunsThrowAborted) {
  const auto model = Model::create(referenceModel(), 1);
  const auto batch = trainingBatch(*model, 8, 6, 1);
  CancelToken token;
  token.cancel();
  RunOptions options = on("reference");
  options.cancel = &token;
  try {
    model->run(RunKind::Predict, *batch, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::Aborted);
  }
}

}  // namespace
}  // namespace sluice::test
