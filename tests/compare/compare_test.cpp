#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "compare/comparison.h"
#include "compare/sink_changes.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using SinkRun = sinkscope::Run;

SinkRun sink(int position, int l_start, int l_end, float far_boost = 10, float margin = 1) {
  SinkRun run;
  run.position = position;
  run.verdict = Verdict::kSink;
  run.kind = SinkKind::kSecondary;
  run.l_start = l_start;
  run.l_end = l_end;
  run.far_boost_median = far_boost;
  run.norm_ratio_median = 8;
  run.logit_gap = -1;
  run.margins.attention = margin;
  return run;
}

Detection of(std::vector<SinkRun> runs, int birth = 2) {
  Detection detection;
  detection.primary = Primary{};
  detection.primary->birth_layer = birth;
  detection.runs = std::move(runs);
  return detection;
}

std::vector<std::string_view> fates(const DocumentChanges& changes) {
  std::vector<std::string_view> names;
  for (const SinkChange& change : changes.sinks) names.push_back(name_of(change.fate));
  return names;
}

TEST(Changes, NameWhatBecameOfEachSink) {
  SinkRun other_kind = sink(40, 3, 9);
  other_kind.kind = SinkKind::kPrimaryLike;
  SinkRun no_sink = sink(60, 3, 9);
  no_sink.verdict = Verdict::kAlignedOnly;
  const Detection before = of({sink(10, 3, 9), sink(20, 3, 9), sink(30, 3, 9, 10, 0.05F), sink(40, 3, 9), sink(60, 3, 9)});
  const Detection after = of({sink(10, 3, 9), sink(20, 4, 9), other_kind, sink(50, 3, 9, 10, 0.2F), no_sink}, 3);
  const DocumentChanges changes = compare_sinks(before, after, 0.9F);
  EXPECT_THAT(fates(changes), ElementsAre("kept", "moved", "lost", "kept", "gained", "lost"));
  EXPECT_TRUE(changes.sinks[2].marginal);
  EXPECT_TRUE(changes.sinks[3].other_kind);
  EXPECT_FALSE(changes.sinks[4].marginal);
  // A cosine of 0.98 lies four fifths of the way from 0.9 to 1, one of 0.905 at its beginning.
  for (const auto& [alignment, marginal] : {std::pair(0.98F, false), {0.905F, true}}) {
    SinkRun run = sink(10, 3, 9);
    run.margins.alignment = alignment / 0.9F - 1;
    EXPECT_EQ(compare_sinks(of({run}), of({}), 0.9F).sinks.at(0).marginal, marginal) << alignment;
  }
  EXPECT_EQ(changes.n_both(), 3);
  EXPECT_EQ(changes.n_either(), 6);
  EXPECT_EQ(changes.birth_before, 2);
  EXPECT_EQ(changes.birth_after, 3);
}

TEST(Changes, RunsOfOnePositionArePairedByTheLayersThatTheyShare) {
  const DocumentChanges changes = compare_sinks(of({sink(10, 2, 4), sink(10, 8, 15)}), of({sink(10, 7, 15), sink(10, 18, 20)}), 0.9F);
  EXPECT_THAT(fates(changes), ElementsAre("lost", "moved", "gained"));
  EXPECT_EQ(changes.sinks[1].before->l_start, 8);
  EXPECT_EQ(changes.sinks[1].after->l_start, 7);
  EXPECT_EQ(changes.n_both(), 1);
  EXPECT_EQ(changes.n_either(), 1);
  // The other way round what was lost is gained.
  EXPECT_THAT(fates(compare_sinks(of({sink(10, 7, 15), sink(10, 18, 20)}), of({sink(10, 2, 4), sink(10, 8, 15)}), 0.9F)),
              ElementsAre("gained", "moved", "lost"));
}

// Draws go by the documents' keys.
TEST(Compare, DoesNotDependOnTheOrderOfDocuments) {
  std::vector<DocumentChanges> documents;
  for (int i = 0; i < 12; ++i) {
    std::vector<SinkRun> after = {sink(10, 3, 9, 10.0F + static_cast<float>(i * i))};
    if (i % 3 == 0) after.push_back(sink(20, 4, 8));
    documents.push_back(compare_sinks(of({sink(10, 3, 9), sink(20, 4, 8)}), of(after), 0.9F));
    documents.back().key = std::to_string(i * 5 % 12);
  }
  const Comparison one = compare(documents, 1);
  std::ranges::reverse(documents);
  const Comparison other = compare(documents, 1);
  ASSERT_TRUE(one.jaccard_interval_95 && one.figures[0].median_interval_95);
  EXPECT_EQ(one.jaccard_interval_95->low, other.jaccard_interval_95->low);
  EXPECT_EQ(one.jaccard_interval_95->high, other.jaccard_interval_95->high);
  EXPECT_EQ(one.figures[0].median_interval_95->low, other.figures[0].median_interval_95->low);
  EXPECT_EQ(one.figures[0].median_interval_95->high, other.figures[0].median_interval_95->high);
}

TEST(Compare, AScanWithItselfIsOne) {
  std::vector<DocumentChanges> documents;
  for (int i = 0; i < 10; ++i) documents.push_back(compare_sinks(of({sink(10, 3, 9), sink(20, 4, 8)}), of({sink(10, 3, 9), sink(20, 4, 8)}), 0.9F));
  const Comparison same = compare(documents, 1);
  EXPECT_EQ(same.n_kept, 20);
  EXPECT_EQ(same.n_moved + same.n_lost + same.n_gained + same.n_other_birth, 0);
  EXPECT_EQ(same.jaccard, 1);
  ASSERT_EQ(same.figures[0].name, "far_boost_median");
  EXPECT_EQ(same.figures[0].n, 20);
  EXPECT_EQ(same.figures[0].median, 1);
  ASSERT_EQ(same.figures[3].name, "logit_gap");
  EXPECT_EQ(same.figures[3].median, 0);  // a difference
  ASSERT_EQ(same.figures[4].name, "score_mean");
  EXPECT_EQ(same.figures[4].n, 0) << "these sinks lack it";
  EXPECT_FALSE(same.figures[4].median);
}

// By hand: of 4 texts with sinks {1, 2 of 3, 0 of 1, 1 of 2} are in both, so 4 of 7 tokens.
TEST(Compare, SaysHowManyAreInBothAndWhenThatIsTooLittle) {
  std::vector<DocumentChanges> documents = {
      compare_sinks(of({sink(1, 3, 9)}), of({sink(1, 3, 9, 20)}), 0.9F),
      compare_sinks(of({sink(1, 3, 9), sink(2, 3, 9)}), of({sink(1, 3, 9, 5), sink(2, 3, 9, 10), sink(3, 3, 9)}), 0.9F),
      compare_sinks(of({sink(1, 3, 9)}), of({}), 0.9F),
      compare_sinks(of({sink(1, 3, 9)}), of({sink(1, 4, 9, 30), sink(2, 3, 9)}), 0.9F),
      compare_sinks(of({}), of({}), 0.9F)};
  const Comparison few = compare(documents, 1);
  EXPECT_EQ(few.n_documents, 5);
  EXPECT_EQ(few.n_with_sinks, 4);
  EXPECT_DOUBLE_EQ(*few.jaccard, 4.0 / 7);
  EXPECT_FALSE(few.jaccard_interval_95) << "four texts are too few";
  EXPECT_EQ(few.n_kept, 3);
  EXPECT_EQ(few.n_moved, 1);
  EXPECT_EQ(few.n_lost, 1);
  EXPECT_EQ(few.n_gained, 2);
  EXPECT_DOUBLE_EQ(*few.figures[0].median, 1.5);  // of 0.5, 1, 2, 3
  EXPECT_FALSE(few.figures[0].median_interval_95);

  const std::vector<DocumentChanges> once = documents;
  for (int i = 0; i < 3; ++i) documents.insert(documents.end(), once.begin(), once.end());
  const Comparison many = compare(documents, 1);
  EXPECT_DOUBLE_EQ(*many.jaccard, 4.0 / 7);
  ASSERT_TRUE(many.jaccard_interval_95);
  EXPECT_LT(many.jaccard_interval_95->low, 4.0 / 7);
  EXPECT_GT(many.jaccard_interval_95->high, 4.0 / 7);
  EXPECT_LT(many.jaccard_interval_95->high - many.jaccard_interval_95->low, 0.5);
  ASSERT_TRUE(many.figures[0].median_interval_95);
}

TEST(Compare, WithoutSinksThereIsNothingToShare) {
  const Comparison none = compare(std::vector<DocumentChanges>{compare_sinks(of({}), of({}), 0.9F)}, 1);
  EXPECT_FALSE(none.jaccard);
  EXPECT_EQ(none.n_before + none.n_after, 0);
}

}  // namespace
}  // namespace sinkscope
