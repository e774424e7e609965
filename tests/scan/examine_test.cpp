#include "scan/examine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

FakeModel with_a_sink() {
  FakeModelOptions options;
  options.sinks.push_back({'.', {}, 5, 8, 16, true});
  return FakeModel(options);
}

// Positions, first and last layers of secondary sinks.
std::vector<std::tuple<int, int, int>> secondaries(const Examined& examined) {
  std::vector<std::tuple<int, int, int>> found;
  for (const Run& run : examined.detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind == SinkKind::kSecondary) {
      found.emplace_back(run.position, run.l_start, run.l_end);
    }
  }
  return found;
}

class EventCounter : public Observer {
 public:
  int states = 0, attentions = 0, micro_batches = 0;
  bool wants(ProbePoint point, int layer) override { return point == ProbePoint::kMlpInput && layer == 3; }
  bool wants_attention(int layer) override { return layer == 3; }
  void on_state(const StateEvent& event) override {
    EXPECT_EQ(event.point, ProbePoint::kMlpInput);
    ++states;
  }
  void on_attention(const AttentionEvent& event) override {
    EXPECT_EQ(event.layer, 3);
    ++attentions;
  }
  void on_micro_batch_end(int, int) override { ++micro_batches; }
};

TEST(Examine, JudgesEachSequenceOfAPack) {
  FakeModel model = with_a_sink();
  const Pack pack{{fake_text(300, 1, {{50, '.'}}), fake_text(280, 2), fake_text(290, 3, {{20, '.'}, {90, '.'}})}};
  const std::vector<Examined> examined = examine(model, pack, {});
  ASSERT_THAT(examined, SizeIs(3));
  EXPECT_THAT(secondaries(examined[0]), ElementsAre(std::tuple(50, 5, 8)));
  EXPECT_THAT(secondaries(examined[1]), IsEmpty());
  EXPECT_THAT(secondaries(examined[2]), ElementsAre(std::tuple(20, 5, 8), std::tuple(90, 5, 8)));
  for (std::size_t i = 0; i < examined.size(); ++i) {
    EXPECT_EQ(examined[i].figures.n_tokens, static_cast<int>(pack.sequences[i].size()));
    EXPECT_EQ(examined[i].figures.prompt_tokens, 0);
    EXPECT_THAT(examined[i].profiles, IsEmpty());
  }
}

TEST(Examine, JudgesByTheThresholdsThatItIsGiven) {
  FakeModel model = with_a_sink();
  const Pack pack{{fake_text(300, 1, {{50, '.'}})}};
  ExamineOptions strict;
  strict.thresholds.min_norm_ratio = 100;
  EXPECT_THAT(secondaries(examine(model, pack, strict).front()), IsEmpty());
}

TEST(Examine, CarriesPromptLengths) {
  FakeModel model;
  ExamineOptions options;
  options.prompt_tokens = {7, 11};
  const auto examined = examine(model, {{fake_text(80, 1), fake_text(90, 2)}}, options);
  EXPECT_EQ(examined[0].figures.prompt_tokens, 7);
  EXPECT_EQ(examined[1].figures.prompt_tokens, 11);
  options.prompt_tokens = {7};
  expect_error(ErrorCode::kInternal, "prompt length",
               [&] { examine(model, {{fake_text(80, 1), fake_text(90, 2)}}, options); });
}

TEST(Examine, FarIsWhatTheRunSaysFarIs) {
  FakeModel model;
  ExamineOptions options;
  options.run.min_distance = 30;
  EXPECT_EQ(examine(model, {{fake_text(80, 1)}}, options).front().figures.min_distance, 30);
}

TEST(Examine, KeepsProfilesWhereTheyAreAskedFor) {
  FakeModel model;
  const Pack pack{{fake_text(100, 1)}};
  ExamineOptions options;
  options.keep = Keep::kProfiles;
  const std::vector<ProfileArray> profiles = std::move(examine(model, pack, options).front().profiles);
  ASSERT_FALSE(profiles.empty());
  EXPECT_EQ(profiles[0].name, "hidden_norm");
  EXPECT_THAT(profiles[0].shape, ElementsAre(12, 100));
  options.keep = Keep::kHeads;
  const std::vector<ProfileArray> with_heads = std::move(examine(model, pack, options).front().profiles);
  EXPECT_GT(with_heads.size(), profiles.size());
  const auto by_head = std::ranges::find(with_heads, "far_boost_by_head", &ProfileArray::name);
  ASSERT_NE(by_head, with_heads.end());
  EXPECT_THAT(by_head->shape, ElementsAre(12, 2, 100));
}

TEST(Examine, AnotherObserverSeesTheSameRun) {
  FakeModel model = with_a_sink();
  const Pack pack{{fake_text(300, 1, {{50, '.'}})}};
  EventCounter also;
  const std::vector<Examined> watched = examine(model, pack, {}, &also), alone = examine(model, pack, {});
  EXPECT_EQ(also.micro_batches, 7);  // of 48 tokens
  EXPECT_EQ(also.states, 7);
  EXPECT_EQ(also.attentions, 7);
  EXPECT_EQ(secondaries(watched.front()), secondaries(alone.front()));
  EXPECT_EQ(watched.front().figures.ordinary_norm, alone.front().figures.ordinary_norm);
}

TEST(Examine, WithoutAttentionTheRuleFindsNothing) {
  FakeModel model = with_a_sink();
  ExamineOptions options;
  options.attention = false;
  const Examined examined = std::move(examine(model, {{fake_text(300, 1, {{50, '.'}})}}, options).front());
  EXPECT_FALSE(examined.detection.primary);
  EXPECT_FALSE(examined.figures.first_positions.at(0).score.at(3));
  EXPECT_TRUE(examined.figures.first_positions.at(0).norm_ratio.at(3));
}

TEST(Examine, StopsWhereItIsTold) {
  FakeModel model;
  ExamineOptions options;
  int asked = 0;
  options.run.should_stop = [&] { return ++asked == 3; };
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { examine(model, {{fake_text(300, 1)}}, options); });
  EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace sinkscope
