// Verdicts at their bounds, and what is planned for edits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "formation/claim.h"
#include "formation/edit_sink.h"
#include "formation/layer_map.h"
#include "formation/parts.h"
#include "formation/run_end.h"
#include "formation/text_sight.h"

namespace sinkscope {
namespace {

TEST(ClaimVerdicts, OfAFractionAreReadFromItsInterval) {
  EXPECT_EQ(verdict_of(Interval{0.5, 0.9}), ClaimVerdict::kYes);
  EXPECT_EQ(verdict_of(Interval{0.49, 0.9}), ClaimVerdict::kUnclear);
  EXPECT_EQ(verdict_of(Interval{0.1, 0.5}), ClaimVerdict::kUnclear);
  EXPECT_EQ(verdict_of(Interval{0.1, 0.49}), ClaimVerdict::kNo);
  EXPECT_EQ(verdict_of(std::nullopt), ClaimVerdict::kUnclear);
  EXPECT_EQ(verdict_of(Interval{0.1, 0.49}, 0.1), ClaimVerdict::kYes);
  EXPECT_EQ(name_of(ClaimVerdict::kUnclear), "unclear");
  EXPECT_EQ(name_of(ClaimVerdict::kNotEnough), "not enough");
}

TEST(ClaimNeeds, NameSequencesWhereThereMustBeSeveral) {
  EXPECT_EQ(text_of({8, 5}), "8 sinks in 5 sequences");
  EXPECT_EQ(text_of({8, 2}), "8 sinks in 2 sequences");
  EXPECT_EQ(text_of({8, 1}), "8 sinks");
  EXPECT_EQ(not_enough("a", "b", 3, 2, {8, 2}).sentence, "not enough: n = 3 sinks in 2 sequences, needs 8 in 2");
  EXPECT_EQ(not_enough("a", "b", 3, 2, {8, 1}).sentence, "not enough: n = 3 sinks in 2 sequences, needs 8");
}

TEST(Formed, IsWhatReachesEveryThreshold) {
  PartExcess excess;
  excess.largest = {{{PartKind::kMlp, 3}, 0.8, 2}};
  excess.mlp_share = 0.8;
  excess.parts_for_80 = 4;
  excess.sum = 2;
  excess.excess_cos = 0.8;
  excess.rank_p = 0.01;
  EXPECT_TRUE(is_formed(excess, 99, {}));
  PartExcess other = excess;
  other.largest[0].excess = 0;
  EXPECT_FALSE(is_formed(other, 99, {}));
  other = excess;
  other.excess_cos.reset();
  EXPECT_FALSE(is_formed(other, 99, {}));
  other = excess;
  other.rank_p.reset();
  EXPECT_FALSE(is_formed(other, 99, {}));
  EXPECT_TRUE(is_formed(other, 98, {}));
  other.largest.clear();
  EXPECT_FALSE(is_formed(other, 98, {}));
}

TEST(Parts, HaveNames) {
  EXPECT_EQ(text_of(PartName{}), "embedding");
  EXPECT_EQ(text_of(PartName{PartKind::kMlp, 5}), "MLP 5");
  EXPECT_EQ(text_of(PartName{PartKind::kAttention, 0}), "attention 0");
  EXPECT_EQ(name_of(PartKind::kMlp), "mlp");
}

// Six layers; the state is 30 in layers 1 to 3, ordinary norms are 1, and the primary has 50.
struct Ending {
  std::vector<float> norm = {1, 30, 30, 30, 30, 30}, height = norm, primary = std::vector<float>(6, 50),
                     ordinary = std::vector<float>(6, 1);
  RunEnd at(int l_end) const { return end_of_run({norm, height, primary, ordinary}, 1, l_end, {}); }
};

TEST(RunEnd, AtItsBounds) {
  Ending last;
  EXPECT_NE(last.at(4).cause, EndCause::kNetwork) << "a layer is left";

  Ending kept;  // the primary keeps half of its norm, and three ordinary norms
  kept.primary = {50, 50, 50, 6, 3, 3};
  kept.norm[4] = kept.height[4] = 2;
  EXPECT_EQ(kept.at(3).cause, EndCause::kRemoved);
  EXPECT_EQ(*kept.at(3).primary_height_kept, 0.5);
  kept.primary[4] = 2.9F;
  EXPECT_EQ(kept.at(3).cause, EndCause::kWithPrimary);
  kept.primary = {50, 50, 50, 100, 49, 49};
  EXPECT_EQ(kept.at(3).cause, EndCause::kWithPrimary) << "large, and under half of what it was";

  Ending grown;  // three ordinary norms behind the end are enough
  grown.ordinary = {1, 1, 1, 1, 10, 10.1F};
  grown.height[4] = 3;
  EXPECT_EQ(grown.at(3).cause, EndCause::kTurned);
  EXPECT_EQ(grown.at(3).diluted_l_end, 4);
  grown.ordinary[4] = 10.1F;
  EXPECT_EQ(grown.at(3).cause, EndCause::kOutgrown);
  EXPECT_EQ(grown.at(3).diluted_l_end, 3);

  Ending turned;
  turned.height[4] = 26.9F;
  EXPECT_EQ(turned.at(3).cause, EndCause::kTurned);
  turned.height[4] = 27;  // alignment 0.9
  EXPECT_EQ(turned.at(3).cause, EndCause::kRemoved);
  turned.norm[4] = 2.9F;
  turned.height[4] = 1;
  EXPECT_EQ(turned.at(3).cause, EndCause::kRemoved) << "too short to have turned";
}

TEST(EditPlan, TakesTheTallestMlpsAndTheLeastOfTheRest) {
  RunExplanation run;
  EXPECT_TRUE(plan_edits(run, {}).layers.empty());
  run.start.emplace();
  run.start->excess.mlp = {0, 3, 5, 1};
  EXPECT_TRUE(plan_edits(run, {}).layers.empty()) << "nothing is known of its peak";
  run.peak.emplace();
  run.peak->excess.embedding = 1;
  run.peak->excess.attention = {0, 0, 1, -5, 0, 0, 0};
  run.peak->excess.mlp = {-0.5, 3, 5, 0.25, 9, 0.5, -0.75};
  const EditPlan plan = plan_edits(run, {});
  EXPECT_EQ(plan.layers, (std::vector<int>{1, 2, 4})) << "1 and 2 where it starts, 2 and 4 at its peak";
  EXPECT_EQ(plan.placebo, 3);
  // Positive excesses are 1 + 1 + 17.75; a twentieth of them is 0.9875.
  EXPECT_EQ(plan.together, (std::vector<int>{1, 2, 4}));
  run.peak->excess.mlp[3] = 0.75;
  EXPECT_EQ(plan_edits(run, {}).placebo, 0) << "of equal distance from nothing the first";
  run.peak->excess.mlp = {0, 0, 0, 0, 1, 19, 0};
  run.peak->excess.embedding = run.peak->excess.attention[2] = 0;
  EXPECT_EQ(plan_edits(run, {}).together, (std::vector<int>{4, 5})) << "a twentieth is enough";
  run.start->excess.mlp = {0, 0.5, -3, 0};
  EXPECT_EQ(plan_edits(run, {}).layers, (std::vector<int>{1, 4, 5})) << "every positive excess, and no other";
  run.start->excess.mlp = {0, 0, 0, 0};
  run.peak->excess.mlp = std::vector<double>(7, 0.0);
  EXPECT_TRUE(plan_edits(run, {}).layers.empty());
  EXPECT_TRUE(plan_edits(run, {}).together.empty());
}

TEST(EditedTokens, EndSoManyBehindTheSinkAndNotTooEarly) {
  EXPECT_EQ(edited_tokens(5000, 1000, {}), 1257);
  EXPECT_EQ(edited_tokens(5000, 143, {}), 400);
  EXPECT_EQ(edited_tokens(5000, 144, {}), 401);
  EXPECT_EQ(edited_tokens(300, 10, {}), 300);
}

TEST(LayerMaps, AreGenericWhereChanceHitsHalfAsOften) {
  LayerMap map;
  EXPECT_FALSE(map.generic());
  map.hits_typical = 0.5;
  EXPECT_EQ(map.generic(), false);
  map.isotropic_typical.hits_frac = 0.24;
  EXPECT_EQ(map.generic(), false);
  map.isotropic_typical.hits_frac = 0.25;
  EXPECT_EQ(map.generic(), true);
  map.hits_typical = 0;
  EXPECT_EQ(map.generic(), true);
}

TEST(LayerMaps, AreSpecificWhereEverySinkIsHigher) {
  LayerMap map;
  EXPECT_FALSE(map.specific());
  map.inputs.sink_height_min = 2;
  EXPECT_FALSE(map.specific());
  map.inputs.ordinary_height_p99 = 2;
  EXPECT_FALSE(map.specific());
  map.inputs.ordinary_height_p99 = 1.9;
  EXPECT_TRUE(map.specific());
}

TEST(LayerMaps, OfEqualOnesTheFirstIsMain) {
  LayerMap a, b;
  a.layer = 3;
  b.layer = 4;
  a.inputs.sink_height_p50 = b.inputs.sink_height_p50 = 2;
  EXPECT_EQ(main_map(std::vector{a, b}, a.kind)->layer, 3);
  EXPECT_EQ(main_map({}, a.kind), nullptr);
}

// A text of 100 tokens in micro-batches of 40: the last one tells whether its first token is seen.
TEST(TextSight, LooksAtTheLastMicroBatch) {
  ModelFacts facts;
  facts.n_layers = 4;
  facts.has_attention = {true, true, true, false};
  TextSight sight(facts, 100, 40);
  EXPECT_FALSE(sight.wants_attention(0));
  sight.on_micro_batch_end(0, 40);
  EXPECT_FALSE(sight.wants_attention(0));
  sight.on_micro_batch_end(40, 20);
  EXPECT_TRUE(sight.wants_attention(0)) << "60 and 40";
  EXPECT_FALSE(sight.wants_attention(3));
  std::vector<std::int32_t> queries(100, 20), far(100, 10), selected(100, 10);
  const auto show = [&](int layer, std::int32_t of_first, std::int32_t selected_first, bool selects) {
    queries[0] = of_first;
    selected[0] = selected_first;
    AttentionEvent event{};
    event.layer = layer;
    event.n_queries = 20;
    event.visibility.queries = queries;
    event.visibility.far_queries = far;
    if (selects) event.visibility.far_selected = selected;
    sight.on_attention(event);
  };
  show(0, 20, 0, false);
  show(1, 19, 0, false);
  show(2, 20, 9, true);
  EXPECT_EQ(sight.sees_all(), (std::vector<std::uint8_t>{1, 0, 0, 0}));
  show(2, 20, 10, true);
  EXPECT_EQ(sight.sees_all()[2], 1);
}

}  // namespace
}  // namespace sinkscope
