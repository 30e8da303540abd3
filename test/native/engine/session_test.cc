// Sessions and pools: the same bits alone and in groups, the weights of now, refusals without a
// trace.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/backend/backend.h"
#include "engine/model/session.h"
#include "engine/model/session_pool.h"
#include "support/description.h"

namespace sluice::test {
namespace {

constexpr WeightsType kWeights[] = {WeightsType::Float32, WeightsType::Float16,
                                    WeightsType::BFloat16, WeightsType::Int8};

// Two recurrent layers and one without a state: 3 features, 12 states, 2 outputs.
std::shared_ptr<Model> smallModel() {
  const Members sequence{{"returnSequences", Value::boolean(true)}};
  return Model::create(
      description({inputNode("x", {-1, 3}), node("gru", "gru", {{"x", 0}}, gruOptions(5, sequence)),
                   node("gru", "gru_1", {{"gru", 0}}, gruOptions(7)),
                   node("dense", "dense", {{"gru_1", 0}}, denseOptions(2))},
                  {{"dense", 0}}),
      1);
}

std::vector<float> waves(int64_t count, int64_t phase) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(std::sin(static_cast<double>(phase) + static_cast<double>(i)));
  return values;
}

void push(Session& session, const float* x, float* y) { session.push(&x, &y); }

class Sessions : public testing::Test {
 protected:
  void SetUp() override {
    if (BackendRegistry::instance().find("cpu") == nullptr) GTEST_SKIP() << "no cpu backend";
  }
};

TEST_F(Sessions, AGroupHasTheBitsOfEachAlone) {
  const auto model = smallModel();
  for (const WeightsType weights : kWeights) {
    constexpr int32_t kCount = 77;
    SessionPool pool(model, weights, kCount);
    std::vector<std::unique_ptr<Session>> alone;
    std::vector<int32_t> slots;
    for (int32_t i = 0; i < kCount; ++i) {
      alone.push_back(std::make_unique<Session>(model, weights));
      slots.push_back(pool.open(nullptr));
    }
    for (int64_t t = 0; t < 4; ++t) {
      // Fewer each time, in another order.
      std::rotate(slots.begin(), slots.begin() + 5, slots.end());
      slots.resize(slots.size() - 3);
      const auto count = static_cast<int64_t>(slots.size());
      const std::vector<float> xs = waves(3 * count, t);
      std::vector<float> ys(slots.size() * 2);
      pool.step(slots.data(), count, xs.data(), ys.data());
      for (size_t row = 0; row < slots.size(); ++row) {
        Session& session = *alone[static_cast<size_t>(slots[row])];
        float y[2];
        push(session, &xs[3 * row], y);
        ASSERT_EQ(y[0], ys[2 * row]);
        ASSERT_EQ(y[1], ys[2 * row + 1]);
        const std::vector<float> state(pool.state(slots[row]), pool.state(slots[row]) + 12);
        ASSERT_EQ(state, session.state());
      }
    }
  }
}

TEST_F(Sessions, SeeTheWeightsOfNow) {
  const auto model = smallModel();
  for (const WeightsType weights : kWeights) {
    Session session(model, weights);
    const std::vector<float> x = waves(3, 1);
    float before[2], after[2], again[2];
    push(session, x.data(), before);
    std::vector<float> kernel = waves(3 * 15, 2);
    model->setWeights({{"gru/kernel", kernel.data(), kernel.size()}});
    session.reset();
    push(session, x.data(), after);
    push(session, x.data(), again);
    EXPECT_NE(before[0], after[0]);
    EXPECT_NE(again[0], after[0]);
    // A session that begins with these weights answers the same.
    Session fresh(model, weights);
    float y[2];
    push(fresh, x.data(), y);
    EXPECT_EQ(y[0], after[0]);
    for (float& w : kernel) w = -w;
    model->setWeights({{"gru/kernel", kernel.data(), kernel.size()}});
  }
}

void expectCode(Code code, const std::function<void()>& body) {
  try {
    body();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(codeName(error.code()), std::string(codeName(code))) << error.what();
  }
}

TEST_F(Sessions, ARefusedStepLeavesNoTrace) {
  SessionPool pool(smallModel(), WeightsType::Float32, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.open(nullptr), i);
  expectCode(Code::Busy, [&] { pool.open(nullptr); });
  pool.close(1);
  const std::vector<float> xs = waves(9, 0);
  std::vector<float> ys(6, 5);
  const std::vector<std::vector<int32_t>> wrong = {
      {0, 1}, {0, 3}, {0, -1}, {2, 0, 2}, {std::numeric_limits<int32_t>::min()}};
  for (const std::vector<int32_t>& slots : wrong)
    expectCode(Code::InvalidArgument, [&] {
      pool.step(slots.data(), static_cast<int64_t>(slots.size()), xs.data(), ys.data());
    });
  for (const double slot : {1.0, 3.0, -1.0, 0.5, 1e300, std::nan("")}) {
    expectCode(Code::InvalidArgument, [&] { pool.close(slot); });
    expectCode(Code::InvalidArgument, [&] { pool.state(slot); });
  }
  EXPECT_EQ(ys, std::vector<float>(6, 5));
  for (const int slot : {0, 2})
    for (int i = 0; i < 12; ++i) EXPECT_EQ(pool.state(slot)[i], 0);
  EXPECT_EQ(pool.size(), 2);
  const int32_t both[] = {2, 0};
  pool.step(both, 2, xs.data(), ys.data());
  EXPECT_NE(pool.state(0)[0], 0);
}

TEST_F(Sessions, APoolThatDoesNotFitIsRefused) {
  const auto model = smallModel();
  const int32_t most = std::numeric_limits<int32_t>::max();
  const double needed = 12.0 * sizeof(float) * most;
  if (static_cast<double>(availableMemory()) > needed) GTEST_SKIP() << "this machine has room";
  expectCode(Code::OutOfMemory, [&] { SessionPool(model, WeightsType::Float32, most); });
}

}  // namespace
}  // namespace sluice::test
