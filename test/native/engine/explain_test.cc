// What explain() and measure() say of a plan, and what `strict` refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/runtime/threads.h"
#include "support/model.h"

namespace sluice::test {
namespace {

const char* noGru(const OpCall&) noexcept { return "this device has no loops"; }
int32_t nothing(const OpCall&) noexcept { return 0; }

// Everything that the reference has, but no GRU.
class LacksGru final : public Backend {
 public:
  LacksGru() : table_(*BackendRegistry::instance().require("reference").kernels(DType::Float32)) {
    table_[static_cast<size_t>(Op::Gru)] = {.name = "test.gru", .whyNot = noGru, .launch = nothing};
    table_[static_cast<size_t>(Op::Dense)].describe = [](const OpCall& call) noexcept {
      return KernelChoice{.split = "rows",
                          .threads = call.context->threads,
                          .how = "by hand",
                          .flop = static_cast<double>(call.out[dense::kY].shape.elements()),
                          .seconds = 0.5,
                          .detour = "the road is closed"};
    };
  }
  const std::string& name() const override { return name_; }
  const std::string& description() const override { return name_; }
  const std::string& target() const override { return target_; }
  const KernelTable* kernels(DType real) const override {
    return real == DType::Float32 ? &table_ : nullptr;
  }

 private:
  std::string name_ = "test-lacks-gru", target_ = "ABACUS";
  KernelTable table_;
};

const std::string& device() {
  static const std::string name = [] {
    auto backend = std::make_unique<LacksGru>();
    const std::string result = backend->name();
    BackendRegistry::instance().add(std::move(backend));
    return result;
  }();
  return name;
}

const OpInfo& opOf(const PlanInfo& plan, const std::string& name) {
  for (const OpInfo& op : plan.ops)
    if (op.op == name) return op;
  throw std::runtime_error("no op " + name);
}

TEST(Explain, TellsWhatTheKernelSays) {
  const auto model = Model::create(referenceModel(), 1);
  const PlanInfo plan = model->explain({RunKind::Predict, 4, 6, device()});
  const OpInfo& dense = opOf(plan, "dense");
  EXPECT_EQ(dense.device, device());
  EXPECT_EQ(dense.target, "ABACUS");
  EXPECT_STREQ(dense.choice.how, "by hand");
  EXPECT_STREQ(dense.choice.split, "rows");
  EXPECT_STREQ(dense.choice.detour, "the road is closed");
  EXPECT_EQ(dense.choice.threads, plan.threads);
  EXPECT_EQ(dense.choice.flop, 4 * 2);
  EXPECT_EQ(dense.choice.seconds, 0.5);
  EXPECT_EQ(dense.seconds, 0);
  // [4,5] in, [5,2] and [2] of parameters, [4,2] out; nothing is packed.
  EXPECT_EQ(dense.bytes, sizeof(float) * (20 + 10 + 2 + 8));
}

TEST(Explain, TellsWhyAnotherDeviceRunsAnOp) {
  const auto model = Model::create(referenceModel(), 1);
  const OpInfo gru = opOf(model->explain({RunKind::Predict, 4, 6, device()}), "gru");
  EXPECT_EQ(gru.fallback, "this device has no loops");
  EXPECT_EQ(gru.device, "reference");
  EXPECT_EQ(gru.target, "baseline");
  EXPECT_EQ(gru.choice.threads, 1);
}

TEST(Explain, StrictRunsRefuseTheSlowerPath) {
  const auto model = Model::create(referenceModel(), 1);
  const auto batch = trainingBatch(*model, 4, 6, 1);
  RunOptions options = on(device());
  model->run(RunKind::Predict, *batch, options);
  options.strict = true;
  try {
    model->run(RunKind::Predict, *batch, options);
    ADD_FAILURE() << "ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::Unsupported);
    EXPECT_EQ(error.details().layer, "gru");
    EXPECT_EQ(error.details().option, "strict");
    EXPECT_NE(std::string(error.what()).find("this device has no loops"), std::string::npos);
  }
  PlanQuestion question{RunKind::Predict, 4, 6, device()};
  question.strict = true;
  EXPECT_THROW(model->explain(question), Error);
  EXPECT_THROW(model->measure(question, nullptr), Error);
  options.device = "reference";
  model->run(RunKind::Predict, *batch, options);
}

TEST(Measure, TimesEveryOpAndLeavesTheModelAsItIs) {
  const auto model = Model::create(referenceModel(), 1);
  model->compile(adam(0.02));
  const auto before = model->currentWeights();
  const std::vector<float> values(before->values(), before->values() + before->floats());
  for (const auto& backend : BackendRegistry::instance().all()) {
    for (const RunKind kind : {RunKind::Predict, RunKind::Train}) {
      const PlanInfo plan = model->measure({kind, 3, 4, backend->name()}, nullptr);
      EXPECT_GE(plan.ops.size(), 2u);
      for (const OpInfo& op : plan.ops) EXPECT_GT(op.seconds, 0) << op.op;
    }
  }
  EXPECT_EQ(model->currentWeights(), before);
  EXPECT_TRUE(std::equal(values.begin(), values.end(), before->values()));
  EXPECT_EQ(model->iterations(), 0);
}

// Both directions run at once, and what is measured is the time of both.
TEST(Measure, APairHasOneTime) {
  if (BackendRegistry::instance().find("cpu") == nullptr) GTEST_SKIP() << "no cpu";
  const auto model = Model::create(
      description({inputNode("x", {-1, 3}), node("bidirectional", "both", {{"x", 0}},
                                                 bidirectionalOptions(gruOptions(5), "concat"))},
                  {{"both", 0}}),
      1);
  setThreads(2);
  const PlanInfo plan = model->measure({RunKind::Predict, 3, 4, "cpu"}, nullptr);
  setThreads(0);
  ASSERT_GE(plan.ops.size(), 2u);
  EXPECT_EQ(plan.ops[0].beside, "both");
  EXPECT_EQ(plan.ops[1].beside, "both");
  EXPECT_GT(plan.ops[0].seconds, 0);
  EXPECT_EQ(plan.ops[0].seconds, plan.ops[1].seconds);
}

TEST(Measure, EndsWhenCancelled) {
  const auto model = Model::create(referenceModel(), 1);
  CancelToken cancel;
  cancel.cancel();
  EXPECT_THROW(model->measure({RunKind::Predict, 3, 4, "reference"}, &cancel), Error);
}

}  // namespace
}  // namespace sluice::test
