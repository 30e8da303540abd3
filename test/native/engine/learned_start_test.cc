// States before the first step that are parameters: plans, streams and pools.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/backend/backend.h"
#include "engine/model/session.h"
#include "engine/model/session_pool.h"
#include "engine/plan/bound.h"
#include "support/model.h"

namespace sluice::test {
namespace {

Members learning(const Members& options) {
  return with(options, {{"initialState", Value::string("learned")}});
}

const Backend* cpu() { return BackendRegistry::instance().find("cpu"); }

// What is broadcast must not stand between two directions that can run at once.
TEST(LearnedStart, DirectionsStillRunAtOnce) {
  if (cpu() == nullptr) GTEST_SKIP() << "no cpu";
  const auto pairs = [&](const Members& options) {
    const Graph graph = Graph::parse(description(
        {inputNode("x", {-1, 3}),
         node("bidirectional", "b", {{"x", 0}}, bidirectionalOptions(options, "concat"))},
        {{"b", 0}}));
    PlanRequest request;
    request.training = request.backward = request.cotangents = true;
    const auto plan = std::make_shared<Plan>(compilePlan(graph, request, {}));
    const BoundPlan bound(plan, Extents{8, {20}}, *cpu(), 2, true);
    return std::count_if(bound.ops().begin(), bound.ops().end(),
                         [](const BoundOp& op) { return op.paired; });
  };
  EXPECT_EQ(pairs(gruOptions(4)), 2);
  EXPECT_EQ(pairs(learning(gruOptions(4))), 2);
}

std::shared_ptr<Model> streamed() {
  const auto model = Model::create(
      description({inputNode("x", {-1, 2}),
                   node("lstm", "lstm", {{"x", 0}},
                        learning(lstmOptions(3, {{"returnSequences", Value::boolean(true)}}))),
                   node("gru", "gru", {{"lstm", 0}}, gruOptions(2))},
                  {{"gru", 0}}),
      1);
  const std::vector<float> h{1, -2, 3}, c{0.5f, 0.25f, -1};
  model->setWeights({{"lstm/initial_state", h.data(), 3}, {"lstm/initial_cell", c.data(), 3}});
  return model;
}
const std::vector<float> kStart{1, -2, 3, 0.5f, 0.25f, -1, 0, 0};

TEST(LearnedStart, IsWhereSessionsBegin) {
  if (cpu() == nullptr) GTEST_SKIP() << "no cpu";
  const auto model = streamed();
  Session session(model);
  EXPECT_EQ(session.state(), kStart);
  const float x[2] = {1, 2};
  const float* in = x;
  float y[2];
  float* out = y;
  session.push(&in, &out);
  EXPECT_NE(session.state(), kStart);
  session.reset();
  EXPECT_EQ(session.state(), kStart);
  const float other[3] = {7, 8, 9};
  model->setWeights({{"lstm/initial_state", other, 3}});
  EXPECT_EQ(session.state(), kStart);  // it was begun before
  session.reset();
  EXPECT_EQ(session.state()[0], 7);
}

TEST(LearnedStart, IsWhereSessionsOfAPoolBegin) {
  if (cpu() == nullptr) GTEST_SKIP() << "no cpu";
  SessionPool pool(streamed(), WeightsType::Float32, 3);
  const int32_t slot = pool.open(nullptr);
  EXPECT_TRUE(std::equal(kStart.begin(), kStart.end(), pool.state(slot)));
  const float x[2] = {1, 2};
  float y[2];
  pool.step(&slot, 1, x, y);
  pool.close(slot);
  const int32_t again = pool.open(nullptr);
  EXPECT_EQ(again, slot);
  EXPECT_TRUE(std::equal(kStart.begin(), kStart.end(), pool.state(again)));
  const std::vector<float> zeros(kStart.size());
  EXPECT_EQ(pool.state(pool.open(zeros.data()))[0], 0);
}

}  // namespace
}  // namespace sluice::test
