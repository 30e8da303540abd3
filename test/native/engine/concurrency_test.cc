// A model that is used from everywhere at once, as a server does. Says little by itself: it is for
// ThreadSanitizer (npm run sanitize:threads) and for the bits of what is read meanwhile.
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <thread>

#include "engine/model/session.h"
#include "engine/runtime/scheduler.h"
#include "engine/runtime/threads.h"
#include "support/model.h"

namespace sluice::test {
namespace {

constexpr int kRounds = 12;

template <typename F>
std::future<void> submit(Priority priority, F body) {
  auto task = std::make_shared<std::packaged_task<void()>>(std::move(body));
  auto done = task->get_future();
  Scheduler::instance().submit(priority, [task] { (*task)(); });
  return done;
}

std::unique_ptr<Batch> inputs(const Model& model, int64_t rows) {
  auto batch = std::make_unique<Batch>(
      model.graph(), rows,
      std::vector<SlotSpec>{{SlotRole::Input, 0, makeShape(30, 3), DType::Float32}});
  fillRandom(*batch, 3);
  return batch;
}

class Concurrency : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (BackendRegistry::instance().find("cpu") == nullptr) GTEST_SKIP() << "no cpu";
    setThreads(GetParam());
  }
  void TearDown() override { setThreads(0); }
};

TEST_P(Concurrency, TrainingPredictionsPushesAndQuestions) {
  const auto model = Model::create(referenceModel(3, {{"units", Value::number(48)}}), 1);
  model->compile(adam(0.01));
  const auto training = trainingBatch(*model, 64, 30, 1);
  const auto held = model->currentWeights();
  const auto batch = inputs(*model, 40);
  RunOptions reading = on("cpu");
  reading.weights = held;
  submit(Priority::Inference, [&] { model->run(RunKind::Predict, *batch, reading); }).get();
  const size_t bytes = batch->outputs[0].buffer.bytes();
  const std::vector<float> expected(batch->outputs[0].buffer.as<float>(),
                                    batch->outputs[0].buffer.as<float>() + bytes / sizeof(float));

  std::vector<std::future<void>> steps;
  for (int i = 0; i < kRounds; ++i)
    steps.push_back(
        submit(Priority::Training, [&] { model->run(RunKind::Train, *training, on("cpu")); }));
  std::thread pushing([&] {
    Session session(model);
    const float x[3] = {0.1f, 0.2f, 0.3f};
    float y[2];
    const float* in = x;
    float* out = y;
    for (int i = 0; i < 20 * kRounds; ++i) session.push(&in, &out);
  });
  std::thread asking([&] {
    for (int i = 0; i < kRounds; ++i) {
      model->explain({RunKind::Train, 1 + i, 30, "cpu"});
      model->estimate(RunKind::Predict, 1 + i, 30);
      model->iterations();
      model->residentBytes();
    }
  });
  // One after the other in one batch, as JavaScript does it; the priorities take turns.
  for (int i = 0; i < kRounds; ++i) {
    const Priority priority = i % 2 == 0 ? Priority::Prompt : Priority::Inference;
    submit(priority, [&] { model->run(RunKind::Predict, *batch, reading); }).get();
    EXPECT_EQ(0, std::memcmp(batch->outputs[0].buffer.data(), expected.data(), bytes)) << i;
  }
  pushing.join();
  asking.join();
  for (auto& step : steps) step.get();
  EXPECT_EQ(model->iterations(), kRounds);
}

INSTANTIATE_TEST_SUITE_P(Threads, Concurrency, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace sluice::test
