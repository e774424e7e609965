// Writes that are changed by hand in a model in plain C++: what is written along the axis becomes a sink.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "impact/steer.h"
#include "probe/change_rows.h"
#include "scan/examine.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

constexpr int kLength = 260;

class SteeredModel : public testing::Test {
 protected:
  SteeredModel() : model_(options()), tokens_(fake_text(kLength, 5, {{40, '#'}})) {
    request_.n_draws = 1;
    request_.loss = false;
  }

  static FakeModelOptions options() {
    FakeModelOptions options;
    options.n_layers = 10;
    options.sinks = {{std::nullopt, 0, 1, 9, 24, true}, {'#', std::nullopt, 3, 8, 20, true}};
    return options;
  }

  Steering steered(const std::vector<std::string>& adds, const std::vector<std::string>& clips = {}) {
    request_.changes.clear();
    for (const std::string& add : adds) request_.changes.push_back(steer_add_from(add));
    for (const std::string& clip : clips) request_.changes.push_back(steer_clip_from(clip));
    return steer(model_, tokens_, request_);
  }

  FakeModel model_;
  std::vector<TokenId> tokens_;
  SteerRequest request_;
};

TEST_F(SteeredModel, AWriteAlongTheAxisMakesASink) {
  const Steering axis = steered({"layer=4,position=100,norm=20", "layer=4,position=70,direction=axis,norm=20"});
  EXPECT_EQ(axis.primary, 0);
  EXPECT_EQ(axis.first_block, 5);
  EXPECT_EQ(axis.n_queries, kLength - 70 - 64);
  ASSERT_EQ(axis.steered.tokens.size(), 2U);
  EXPECT_EQ(axis.steered.tokens[0].position, 70);
  for (std::size_t i = 0; i < 2; ++i) {
    const SteeredToken& token = axis.steered.tokens[i];
    EXPECT_GT(*token.alignment, 0.98);
    EXPECT_GT(*token.norm_ratio, 5);
    ASSERT_EQ(token.far_boost.size(), 4U);
    for (const auto& boost : token.far_boost) EXPECT_GT(*boost, 5);
    ASSERT_TRUE(token.run);
    EXPECT_EQ(token.run->verdict, Verdict::kSink);
    EXPECT_EQ(token.run->l_start, 4);
    EXPECT_LT(*axis.unedited.tokens[i].far_boost[0], 2);
    EXPECT_FALSE(axis.unedited.tokens[i].run);
  }
  ASSERT_EQ(axis.steered.primary_score.size(), 4U);
  for (std::size_t b = 0; b < 4; ++b) EXPECT_LT(*axis.steered.primary_score[b], 0.9 * *axis.unedited.primary_score[b]);
  ASSERT_EQ(axis.placebo.size(), 1U);
  EXPECT_NE(axis.placebo[0].tokens[0].position, 70);
  EXPECT_GT(*axis.placebo[0].tokens[0].far_boost[0], 5) << "any token becomes one";
  const Steering opposite = steered({"layer=4,position=70,direction=opposite,norm=20"});
  EXPECT_LT(*opposite.steered.tokens[0].alignment, -0.98);
  EXPECT_LT(*opposite.steered.tokens[0].far_boost[0], 2);
  EXPECT_NEAR(*opposite.steered.primary_score[0], *opposite.unedited.primary_score[0], 0.01);
}

// The same edit given to the model by hand, and its attention on the primary summed anew.
TEST_F(SteeredModel, FiguresAreThoseOfTheEditMadeByHand) {
  const Steering steering = steered({"layer=4,position=70,norm=20"});
  class Primary final : public Observer {
   public:
    bool wants(ProbePoint point, int layer) override { return point == ProbePoint::kBlockOutput && layer == 4; }
    void on_state(const StateEvent& event) override {
      if (event.first_token == 0) axis.assign(event.states.row(0).begin(), event.states.row(0).end());
    }
    bool wants_attention(int layer) override { return layer == 6; }
    std::span<const std::int32_t> keys_by_head(int) override { return key; }
    void on_attention(const AttentionEvent& event) override {
      for (int q = 0; q < event.n_queries; ++q) {
        if (event.first_query + q < 70 + 64) continue;
        for (int h = 0; h < event.n_heads; ++h, ++n) {
          sum += static_cast<double>(event.by_head.attention(static_cast<std::size_t>(h * event.n_queries + q), 0));
        }
      }
    }
    const std::vector<std::int32_t> key = {0};
    std::vector<float> axis;
    double sum = 0;
    int n = 0;
  };
  Primary before, after;
  model_.run({{tokens_}}, before, {});
  double square = 0;
  for (const float x : before.axis) square += static_cast<double>(x) * static_cast<double>(x);
  std::vector<float> vector;
  for (const float x : before.axis) vector.push_back(static_cast<float>(20 * static_cast<double>(x) / std::sqrt(square)));
  ChangeRows edit({ProbePoint::kMlpWrite, 4, 0, 70}, AddToRow{vector});
  RunOptions run;
  run.edits = {&edit};
  model_.run({{tokens_}}, after, run);
  EXPECT_NEAR(*steering.unedited.primary_score[1], before.sum / before.n, 1e-7);
  EXPECT_NEAR(*steering.steered.primary_score[1], after.sum / after.n, 1e-6);
}

TEST_F(SteeredModel, AClippedWriteIsNoSink) {
  const Steering clipped = steered({}, {"layer=3,position=40,norm=0.5"});
  EXPECT_GT(*clipped.unedited.tokens[0].far_boost[0], 5);
  EXPECT_LT(*clipped.steered.tokens[0].far_boost[0], 0.3 * *clipped.unedited.tokens[0].far_boost[0]);
  EXPECT_GT(*clipped.steered.primary_score[0], *clipped.unedited.primary_score[0]);
}

TEST_F(SteeredModel, NothingAddedChangesNoBit) {
  request_.loss = true;
  const Steering none = steered({"layer=4,position=70,norm=0"});
  EXPECT_EQ(none.steered.primary_score, none.unedited.primary_score);
  EXPECT_EQ(none.steered.tokens[0].far_boost, none.unedited.tokens[0].far_boost);
  EXPECT_EQ(none.steered.effect->kl, 0);
  EXPECT_EQ(none.steered.effect->loss, 0);
  const Steering some = steered({"layer=4,position=70,norm=20"});
  EXPECT_GT(some.steered.effect->kl, 0);
}

TEST_F(SteeredModel, LooksAtTheBlocksThatThereAre) {
  request_.n_draws = 0;
  const Steering late = steered({"layer=7,position=70,norm=20"});
  EXPECT_EQ(late.first_block, 8);
  EXPECT_EQ(late.steered.tokens[0].far_boost.size(), 2U);
  EXPECT_EQ(late.steered.primary_score.size(), 2U);
  EXPECT_EQ(late.unedited.primary_score.size(), 2U);
  const Steering last = steered({"layer=9,position=70,norm=20"});
  EXPECT_EQ(last.n_queries, 0);
  EXPECT_TRUE(last.steered.tokens[0].far_boost.empty());
  EXPECT_TRUE(last.steered.primary_score.empty());
}

// 64 queries, each 64 tokens behind the changed one.
TEST_F(SteeredModel, MeasuresThePrimaryFrom64QueriesOn) {
  request_.n_draws = 0;
  const Steering enough = steered({"layer=7,position=132,norm=20"});
  EXPECT_EQ(enough.n_queries, 64);
  EXPECT_TRUE(enough.unedited.primary_score[0]);
  EXPECT_TRUE(enough.steered.primary_score[0]);
  const Steering few = steered({"layer=7,position=133,norm=20"});
  EXPECT_EQ(few.n_queries, 63);
  EXPECT_FALSE(few.unedited.primary_score[0]);
  EXPECT_FALSE(few.steered.primary_score[0]);
}

// Of two changes of one token the first layer counts.
TEST_F(SteeredModel, ATokenIsReadBehindItsFirstChange) {
  const Steering twice = steered({"layer=6,position=70,norm=20", "layer=4,position=70,norm=20"});
  ASSERT_EQ(twice.steered.tokens.size(), 1U);
  EXPECT_EQ(twice.steered.tokens[0].layer, 4);
  EXPECT_EQ(twice.first_block, 5);
  EXPECT_EQ(twice.n_wanted, 1);
  EXPECT_EQ(twice.placebo_distance, std::abs(twice.placebo[0].tokens[0].position - 70));
}

TEST(SteerChanges, AreReadFromText) {
  const SteerChange add = steer_add_from("layer=0,position=0,norm=0");
  EXPECT_EQ(add.layer, 0);
  EXPECT_EQ(add.position, 0);
  EXPECT_EQ(add.norm, 0);
  EXPECT_TRUE(add.direction);
  const SteerChange clip = steer_clip_from("norm=2.5,layer=3,position=17");
  EXPECT_EQ(clip.layer, 3);
  EXPECT_EQ(clip.position, 17);
  EXPECT_EQ(clip.norm, 2.5);
  EXPECT_FALSE(clip.direction);
  for (const char* text : {"layer=1,position=-1,norm=1", "layer=1,position=1,norm=inf", "layer=1x,position=1,norm=1",
                           "position=1,norm=1", "layer=1,norm=1"}) {
    expect_error(ErrorCode::kUsage, "expected e.g.", [&] { steer_add_from(text); });
  }
}

TEST_F(SteeredModel, RefusesWhatIsNotThere) {
  expect_error(ErrorCode::kUsage, "expected a layer from 0 to 9, got 10", [&] { steered({"layer=10,position=1,norm=1"}); });
  expect_error(ErrorCode::kUsage, "expected a position from 0 to 259, got 260",
               [&] { steered({"layer=1,position=260,norm=1"}); });
  for (const char* text : {"", "layer=1", "layer=1,position=2", "layer=1,position=2,norm=x", "layer=-1,position=2,norm=1",
                           "layer=1,position=2,norm=1,size=3", "layer=1,position=2,norm=-1"}) {
    expect_error(ErrorCode::kUsage, "expected e.g.", [&] { steer_add_from(text); });
  }
  expect_error(ErrorCode::kUsage, "got 'direction'", [&] { steer_clip_from("layer=1,position=2,direction=axis,norm=1"); });
}

}  // namespace
}  // namespace sinkscope
