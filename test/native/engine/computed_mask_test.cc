// Masks that layers compute weigh losses and metrics as masks that come with the data do.
#include <gtest/gtest.h>

#include <limits>

#include "engine/backend/backend.h"
#include "support/devices.h"
#include "support/model.h"

namespace sluice::test {
namespace {

constexpr int64_t kRows = 7, kSteps = 6, kFeatures = 3;
// Ends, gaps, a row without any step.
constexpr uint8_t kMask[kRows][kSteps] = {
    {1, 1, 1, 1, 0, 0}, {0, 0, 1, 1, 1, 1}, {1, 0, 1, 0, 1, 1}, {0, 0, 0, 0, 0, 0},
    {1, 1, 1, 1, 1, 1}, {0, 1, 0, 0, 0, 0}, {1, 1, 0, 0, 0, 1}};

// A layer in front, then dense on every step. Behind a dense layer the mask is not known from the
// input alone: its kernel is 1 and its bias 0, so that it changes nothing.
enum class Way { WithTheData, Masking, MaskingOfComputed };

std::shared_ptr<Model> modelFor(Way way) {
  std::vector<Value> nodes{inputNode("x", {-1, kFeatures})};
  std::string last = "x";
  if (way == Way::MaskingOfComputed) {
    nodes.push_back(
        node("activation", "same", {{last, 0}}, {{"activation", activationValue("leakyRelu", 1)}}));
    last = "same";
  }
  if (way != Way::WithTheData) {
    nodes.push_back(node("masking", "masking", {{last, 0}}, {{"maskValue", Value::number(0)}}));
    last = "masking";
  }
  nodes.push_back(
      node("gru", "gru", {{last, 0}}, gruOptions(4, {{"returnSequences", Value::boolean(true)}})));
  nodes.push_back(node("dense", "dense", {{"gru", 0}}, denseOptions(2)));
  return Model::create(description(std::move(nodes), {{"dense", 0}}), 5);
}

std::unique_ptr<Batch> batchFor(const Model& model, Way way, bool weighted, bool perStep) {
  std::vector<SlotSpec> slots{{SlotRole::Input, 0, makeShape(kSteps, kFeatures), DType::Float32},
                              {SlotRole::Target, 0, makeShape(kSteps, 2), DType::Float32}};
  if (weighted)
    slots.push_back(
        {SlotRole::Weight, 0, perStep ? makeShape(kSteps) : makeShape(), DType::Float32});
  if (way == Way::WithTheData) slots.push_back({SlotRole::Mask, 0, makeShape(kSteps), DType::Bool});
  auto batch = std::make_unique<Batch>(model.graph(), kRows, slots);
  fillRandom(*batch, 3);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int64_t b = 0; b < kRows; ++b)
    for (int64_t t = 0; t < kSteps; ++t) {
      if (way == Way::WithTheData) batch->row(3 - !weighted, b)[t] = std::byte{kMask[b][t]};
      if (kMask[b][t]) continue;
      auto* x = reinterpret_cast<float*>(batch->row(0, b)) + t * kFeatures;
      std::fill_n(x, kFeatures, way == Way::WithTheData ? nan : 0);
      // What nobody may look at.
      std::fill_n(reinterpret_cast<float*>(batch->row(1, b)) + t * 2, 2, nan);
    }
  if (weighted)
    for (int64_t i = 0; i < kRows * (perStep ? kSteps : 1); ++i)
      reinterpret_cast<float*>(batch->row(2, 0))[i] = static_cast<float>(i % 4);
  return batch;
}

class ComputedMasks : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (BackendRegistry::instance().find(GetParam()) == nullptr)
      GTEST_SKIP() << "no " << GetParam();
  }
};

TEST_P(ComputedMasks, WeighLossesAndMetricsAsThoseOfTheData) {
  for (const Way way : {Way::Masking, Way::MaskingOfComputed})
    for (const auto& [weighted, perStep] : {std::pair{false, false}, {true, false}, {true, true}})
      for (const int64_t microBatch : {0, 3}) {
        const auto expected = modelFor(Way::WithTheData), computed = modelFor(way);
        RunResult results[2];
        for (const auto& model : {expected, computed}) {
          model->compile(adam(0.02));
          const auto batch =
              batchFor(*model, model == expected ? Way::WithTheData : way, weighted, perStep);
          RunOptions options = on(GetParam());
          options.microBatch = microBatch;
          for (int step = 0; step < 2; ++step)
            results[model == computed] = model->run(RunKind::Train, *batch, options);
        }
        EXPECT_EQ(results[0].sums, results[1].sums);
        if (!weighted) {
          EXPECT_EQ(results[0].sums[1], 22);  // the ones of kMask
        }
        const auto a = expected->currentWeights(), b = computed->currentWeights();
        for (size_t i = 0; i < a->floats(); ++i) ASSERT_EQ(a->values()[i], b->values()[i]);
      }
}

TEST_P(ComputedMasks, NarrowThoseOfTheData) {
  const auto model = modelFor(Way::Masking);
  model->compile(adam(0.02));
  Batch batch(model->graph(), 2,
              {{SlotRole::Input, 0, makeShape(4, kFeatures), DType::Float32},
               {SlotRole::Target, 0, makeShape(4, 2), DType::Float32},
               {SlotRole::Lengths, 0, makeShape(), DType::Int32}});
  fillRandom(batch, 3);
  reinterpret_cast<int32_t*>(batch.row(2, 0))[0] = 3;
  reinterpret_cast<int32_t*>(batch.row(2, 1))[0] = 4;
  std::fill_n(reinterpret_cast<float*>(batch.row(0, 0)) + kFeatures, kFeatures, 0.0f);
  const RunResult result = model->run(RunKind::Evaluate, batch, on(GetParam()));
  EXPECT_EQ(result.sums[1], 2 + 4);
  EXPECT_EQ(result.sums[3], 2 + 4);
}

TEST_P(ComputedMasks, IdsAreChecked) {
  const auto model = Model::create(description({inputNode("ids", {-1}, "int32"),
                                                node("embedding", "words", {{"ids", 0}},
                                                     {{"inputDim", Value::number(5)},
                                                      {"outputDim", Value::number(2)},
                                                      {"embeddingsInitializer", named("uniform")},
                                                      {"maskZero", Value::boolean(true)},
                                                      {"trainable", Value::boolean(true)}})},
                                               {{"words", 0}}),
                                   1);
  Batch batch(model->graph(), 3,
              {{SlotRole::Input, 0, makeShape(2), DType::Int32},
               {SlotRole::Lengths, 0, makeShape(), DType::Int32}});
  for (int64_t row = 0; row < 3; ++row) *reinterpret_cast<int32_t*>(batch.row(1, row)) = 1;
  int32_t* ids = reinterpret_cast<int32_t*>(batch.row(0, 0));
  ids[1] = 1000;  // padding
  model->run(RunKind::Predict, batch, on(GetParam()));
  for (const int32_t wrong : {5, -1, 1 << 30}) {
    ids[4] = wrong;
    try {
      model->run(RunKind::Predict, batch, on(GetParam()));
      ADD_FAILURE() << "ran";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::InvalidArgument);
      EXPECT_EQ(error.details().layer, "words");
      EXPECT_NE(std::string(error.what()).find(cat("id ", wrong, " in row 2")), std::string::npos)
          << error.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ComputedMasks, testing::Values("reference", "cpu", "cuda"),
                         deviceName);

}  // namespace
}  // namespace sluice::test
