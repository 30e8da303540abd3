// Runs on a device with memory of its own: what is recorded and replayed, where weights lie, what
// happens when something fails. On a GPU, or on the emulated device.
#include "engine/backend/device.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <thread>

#include "engine/model/run_inputs.h"
#include "support/model.h"
#include "support/setting.h"

namespace sluice::test {
namespace {

class CudaRuns : public testing::Test {
 protected:
  void SetUp() override {
    if (BackendRegistry::instance().find("cuda") == nullptr) GTEST_SKIP() << "no cuda";
  }
};

std::vector<float> weightsOf(const Model& model) {
  const auto weights = model.currentWeights();
  return {weights->values(), weights->values() + weights->floats()};
}

void expectNear(const std::vector<float>& a, const std::vector<float>& b, double bound) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], bound) << i;
}

std::vector<float> predicted(Model& model, Batch& batch, const std::string& device) {
  model.run(RunKind::Predict, batch, on(device));
  const float* values = batch.outputs[0].buffer.as<float>();
  return {values, values + batch.outputs[0].shape.elements()};
}

Value modelWithDropout() {
  return description(
      {inputNode("x", {-1, 3}), node("dropout", "drop", {{"x", 0}}, {{"rate", Value::number(0.3)}}),
       node("gru", "gru", {{"drop", 0}}, gruOptions(5)),
       node("dense", "dense", {{"gru", 0}}, denseOptions(2))},
      {{"dense", 0}});
}

// From the second time on steps are replayed: what changes between them must not be baked in.
TEST_F(CudaRuns, ReplayedStepsAreThoseOfTheReference) {
  const auto device = Model::create(modelWithDropout(), 1),
             reference = Model::create(modelWithDropout(), 1);
  for (const auto& model : {device, reference}) model->compile(adam(0.02));
  for (int step = 0; step < 6; ++step) {
    double sums[2];
    for (const auto& model : {device, reference}) {
      RunOptions options = on(model == device ? "cuda" : "reference");
      options.seed = 5;
      options.step = static_cast<uint64_t>(step);
      options.learningRate = 0.02 / (1 + step);
      const auto batch = trainingBatch(*model, 6, 5, static_cast<uint64_t>(step + 1));
      sums[model == device] = model->run(RunKind::Train, *batch, options).sums[0];
    }
    EXPECT_NEAR(sums[1], sums[0], 1e-5 * std::abs(sums[0]));
  }
  expectNear(weightsOf(*device), weightsOf(*reference), 2e-5);
  EXPECT_EQ(device->iterations(), 6);
}

TEST_F(CudaRuns, TrainingGoesOnElsewhere) {
  const auto moving = Model::create(referenceModel(), 1),
             staying = Model::create(referenceModel(), 1);
  for (const auto& model : {moving, staying}) model->compile(adam(0.02));
  const auto batch = trainingBatch(*staying, 8, 6, 1);
  for (const char* device : {"cuda", "cuda", "reference", "cuda", "cuda", "cuda", "reference"}) {
    moving->run(RunKind::Train, *trainingBatch(*moving, 8, 6, 1), on(device));
    staying->run(RunKind::Train, *batch, on("reference"));
  }
  expectNear(weightsOf(*moving), weightsOf(*staying), 2e-5);
}

TEST_F(CudaRuns, NewWeightsAreSeenByReplays) {
  const auto model = Model::create(referenceModel(), 1);
  const auto batch = trainingBatch(*model, 4, 5, 1);
  std::vector<float> last;
  for (int i = 0; i < 4; ++i) {
    const std::vector<float> dense(10, static_cast<float>(i));
    model->setWeights({{"dense/kernel", dense.data(), dense.size()}});
    const std::vector<float> got = predicted(*model, *batch, "cuda");
    EXPECT_NE(got, last);
    last = got;
    expectNear(got, predicted(*model, *batch, "reference"), 1e-5);
  }
}

TEST_F(CudaRuns, AnInfiniteLossChangesNothing) {
  const auto hurt = Model::create(referenceModel(), 1), well = Model::create(referenceModel(), 1);
  for (const auto& model : {hurt, well}) model->compile(adam(0.02));
  const auto good = trainingBatch(*well, 8, 6, 1);
  for (int i = 0; i < 3; ++i) {
    hurt->run(RunKind::Train, *trainingBatch(*hurt, 8, 6, 1), on("cuda"));
    well->run(RunKind::Train, *good, on("cuda"));
    const auto bad = trainingBatch(*hurt, 8, 6, 2);
    reinterpret_cast<float*>(bad->row(1, 3))[0] = INFINITY;
    EXPECT_THROW(hurt->run(RunKind::Train, *bad, on("cuda")), Error);
  }
  EXPECT_EQ(weightsOf(*hurt), weightsOf(*well));
  EXPECT_EQ(hurt->iterations(), 3);
}

TEST_F(CudaRuns, OutOfMemoryTellsHowMuchAndLeavesTheModelUsable) {
  const Device& device = *BackendRegistry::instance().require("cuda").device();
  if (device.memory().total > size_t{2} << 30) GTEST_SKIP() << "the device has too much memory";
  const auto model = Model::create(
      description({inputNode("x", {-1, 1}), node("dense", "wide", {{"x", 0}}, denseOptions(4000))},
                  {{"wide", 0}}),
      1);
  Batch large(model->graph(), 100, {{SlotRole::Input, 0, makeShape(1000, 1), DType::Float32}});
  try {
    model->run(RunKind::Predict, large, on("cuda"));
    FAIL() << "1.6 GB of outputs should not fit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::OutOfMemory);
    EXPECT_GE(std::stod(error.details().expected), 1.6e9) << error.what();
    EXPECT_LT(std::stod(error.details().received), 1.1e9) << error.what();
  }
  Batch small(model->graph(), 2, {{SlotRole::Input, 0, makeShape(3, 1), DType::Float32}});
  fillRandom(small, 1);
  expectNear(predicted(*model, small, "cuda"), predicted(*model, small, "reference"), 1e-5);
}

// The next batch is copied while a step runs; what stands in its padding does not matter.
TEST_F(CudaRuns, UploadedBatches) {
  const auto model = Model::create(referenceModel(), 1);
  const Device& device = *BackendRegistry::instance().require("cuda").device();
  const std::vector<SlotSpec> slots{{SlotRole::Input, 0, makeShape(4, 3), DType::Float32},
                                    {SlotRole::Lengths, 0, makeShape(), DType::Int32}};
  Batch uploaded(model->graph(), 3, slots, &device), plain(model->graph(), 3, slots);
  for (int turn = 0; turn < 4; ++turn) {
    uploaded.forgetUpload();
    for (Batch* batch : {&uploaded, &plain}) {
      fillRandom(*batch, static_cast<uint64_t>(turn));
      for (int64_t r = 0; r < 3; ++r) {
        *reinterpret_cast<int32_t*>(batch->row(1, r)) = static_cast<int32_t>(1 + r);
        reinterpret_cast<float*>(batch->row(0, r))[11] = r == 2 ? 0.5f : NAN;
      }
    }
    if (turn != 2) uploadBatch(model->graph(), uploaded);
    EXPECT_EQ(predicted(*model, uploaded, "cuda"), predicted(*model, plain, "cuda"));
    expectNear(predicted(*model, uploaded, "cuda"), predicted(*model, plain, "reference"), 1e-5);
  }
  // What is wrong with a batch is told by the run.
  uploaded.forgetUpload();
  *reinterpret_cast<int32_t*>(uploaded.row(1, 0)) = 5;
  uploadBatch(model->graph(), uploaded);
  EXPECT_THROW(model->run(RunKind::Predict, uploaded, on("cuda")), Error);
}

TEST_F(CudaRuns, SeveralRunsAtOnce) {
  const auto model = Model::create(referenceModel(), 1);
  const auto first = trainingBatch(*model, 4, 5, 1);
  const std::vector<float> want = predicted(*model, *first, "reference");
  std::vector<std::vector<float>> got(3);
  std::vector<std::thread> threads;
  for (auto& result : got)
    threads.emplace_back([&] {
      const auto batch = trainingBatch(*model, 4, 5, 1);
      for (int i = 0; i < 4; ++i) result = predicted(*model, *batch, "cuda");
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : got) expectNear(result, want, 1e-5);
}

// Two directions are branches of one recording, which may run in any order.
TEST_F(CudaRuns, DirectionsRunBesideEachOther) {
  const Value both = description(
      {inputNode("x", {-1, 3}),
       node("bidirectional", "both", {{"x", 0}}, bidirectionalOptions(gruOptions(5), "concat")),
       node("dense", "dense", {{"both", 0}}, denseOptions(2))},
      {{"dense", 0}});
  std::vector<float> first;
  for (const char* order : {"forward", "backward", "random"}) {
    const Setting setting("SLUICE_EMULATOR_ORDER", order);
    const auto model = Model::create(both, 1), reference = Model::create(both, 1);
    for (const auto& each : {model.get(), reference.get()}) each->compile(adam(0.02));
    int pairs = 0;
    for (const OpInfo& op : model->explain({RunKind::Train, 6, 5, "cuda"}).ops)
      pairs += op.beside.empty() ? 0 : 1;
    EXPECT_EQ(pairs, 4);
    const auto batch = trainingBatch(*model, 6, 5, 1);
    for (int step = 0; step < 4; ++step) {
      model->run(RunKind::Train, *batch, on("cuda"));
      reference->run(RunKind::Train, *trainingBatch(*reference, 6, 5, 1), on("reference"));
    }
    expectNear(weightsOf(*model), weightsOf(*reference), 2e-5);
    if (first.empty()) first = weightsOf(*model);
    EXPECT_EQ(weightsOf(*model), first) << order;
  }
}

TEST_F(CudaRuns, Float16LeavesOutUpdatesThatOverflow) {
  const auto model = Model::create(referenceModel(), 1);
  TrainingSpec spec = adam(0.02);
  spec.losses[0].weight = 1e4;  // times 32,768: more than float16 holds
  model->compile(spec);
  const auto before = weightsOf(*model);
  const auto batch = trainingBatch(*model, 8, 6, 1);
  RunOptions options = on("cuda");
  options.precision = Precision::Float16;
  model->run(RunKind::Train, *batch, options);
  EXPECT_EQ(weightsOf(*model), before);
  EXPECT_EQ(model->iterations(), 0);
  for (int i = 0; i < 20; ++i) model->run(RunKind::Train, *batch, options);
  EXPECT_GT(model->iterations(), 0);
  EXPECT_NE(weightsOf(*model), before);
}

TEST_F(CudaRuns, PrecisionsAreNearAndOthersRefuseThem) {
  const auto model = Model::create(referenceModel(), 1);
  model->compile(adam(0.02));
  const auto batch = trainingBatch(*model, 8, 6, 1);
  const RunResult exact = model->run(RunKind::Gradients, *batch, on("reference"));
  for (const auto& [precision, bound] : {std::pair{Precision::TensorFloat32, 3e-3},
                                         {Precision::BFloat16, 3e-2},
                                         {Precision::Float16, 3e-3}}) {
    SCOPED_TRACE(precisionName(precision));
    RunOptions options = on("cuda");
    options.precision = precision;
    const RunResult rounded = model->run(RunKind::Gradients, *batch, options);
    for (size_t p = 0; p < exact.gradients.size(); ++p)
      expectNear(rounded.gradients[p].values, exact.gradients[p].values, bound);
    options.device = "reference";
    EXPECT_THROW(model->run(RunKind::Gradients, *batch, options), Error);
  }
}

TEST_F(CudaRuns, ConvolutionsAndPoolingStayThere) {
  const auto model = Model::create(
      description(
          {inputNode("x", {-1, 3}), node("conv1d", "conv", {{"x", 0}}, convolutionOptions(4, {2})),
           node("maxPooling1d", "pool", {{"conv", 0}}, windowOptions("poolSize", {2})),
           node("gru", "gru", {{"pool", 0}}, gruOptions(5)),
           node("dense", "dense", {{"gru", 0}}, denseOptions(2))},
          {{"dense", 0}}),
      1);
  model->compile(adam(0.02));
  const auto reference = Model::create(model->description(), 1);
  reference->compile(adam(0.02));
  for (const auto& [steps, how] :
       {std::pair{9, "products of gathered windows"}, {70, "products of overlapping rows"}})
    EXPECT_STREQ(model->explain({RunKind::Predict, 4, steps, "cuda"}).ops[0].choice.how, how);
  const auto batch = trainingBatch(*model, 4, 9, 1);
  RunOptions strict = on("cuda");
  strict.strict = true;
  for (int i = 0; i < 4; ++i) {
    model->run(RunKind::Train, *batch, strict);
    reference->run(RunKind::Train, *batch, on("reference"));
  }
  expectNear(weightsOf(*model), weightsOf(*reference), 2e-5);
}

// The device, without kernels of a GRU. In the registry it has a name of its own.
class WithoutGru : public Backend {
 public:
  explicit WithoutGru(const Backend& whole)
      : whole_(whole), table_(*whole.kernels(DType::Float32)) {
    for (const Op op : {Op::Gru, Op::GruBackward})
      table_[static_cast<size_t>(op)].whyNot = [](const OpCall&) noexcept {
        return "it has been taken away";
      };
  }
  const std::string& name() const override { return name_; }
  const std::string& description() const override { return whole_.description(); }
  const std::string& target() const override { return whole_.target(); }
  const KernelTable* kernels(DType real) const override {
    return real == DType::Float32 ? &table_ : nullptr;
  }
  const Device* device() const override { return whole_.device(); }
  std::string statusText(int32_t status) const override { return whole_.statusText(status); }

 private:
  const Backend& whole_;
  std::string name_ = "withoutGru";
  KernelTable table_;
};

TEST_F(CudaRuns, OpsThatAreMissingRunOnTheHostOrAreRefused) {
  auto& registry = BackendRegistry::instance();
  registry.add(std::make_unique<WithoutGru>(*registry.find("cuda")));
  const auto model = Model::create(modelWithDropout(), 1);
  model->compile(adam(0.02));
  const auto reference = Model::create(model->description(), 1);
  reference->compile(adam(0.02));
  const PlanInfo plan = model->explain({RunKind::Train, 4, 5, "withoutGru"});
  int onHost = 0;
  for (const OpInfo& op : plan.ops) {
    if (op.device == "withoutGru") continue;
    ++onHost;
    EXPECT_EQ(op.fallback, "it has been taken away") << op.op;
  }
  EXPECT_EQ(onHost, 2);
  const auto batch = trainingBatch(*model, 4, 5, 1);
  for (int i = 0; i < 4; ++i) {
    model->run(RunKind::Train, *batch, on("withoutGru"));
    reference->run(RunKind::Train, *batch, on("reference"));
  }
  expectNear(weightsOf(*model), weightsOf(*reference), 2e-5);
  RunOptions strict = on("withoutGru");
  strict.strict = true;
  EXPECT_THROW(model->run(RunKind::Train, *batch, strict), Error);
}

}  // namespace
}  // namespace sluice::test
