#include "impact/edit_how.h"

#include <gtest/gtest.h>

#include "impact/removed_tokens.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

TEST(EditHow, ReadsEveryEditAndWritesItAgain) {
  for (const char* word : {"knockout", "evict:64", "evict:1", "unwrite", "scale:0.25", "scale:1", "clip:50"}) {
    EXPECT_EQ(word_of(edit_how_from(word)), word);
  }
  EXPECT_EQ(word_of(edit_how_from("evict")), "evict:64");
  EXPECT_EQ(edit_how_from("scale:0.25").number, 0.25);
  EXPECT_EQ(edit_how_from("unwrite").layers, EditedLayers::kRun);
  EXPECT_EQ(edit_how_from("clip:50").layers, EditedLayers::kFirst);
  EXPECT_EQ(edit_how_from("clip:50", EditedLayers::kRun).layers, EditedLayers::kRun);
  EXPECT_EQ(edit_how_from("unwrite", EditedLayers::kFirst).layers, EditedLayers::kFirst);
}

TEST(EditHow, RefusesWhatIsNone) {
  for (const char* word : {"", "drop", "knockout:1", "unwrite:2", "scale", "scale:", "scale:x", "scale:-1", "scale:nan",
                           "scale:inf", "clip", "evict:0", "evict:1.5", "evict:-3", "evict:1e99", "evict:64x"}) {
    expect_error(ErrorCode::kUsage, "expected knockout, evict:D", [&] { edit_how_from(word); });
  }
}

TEST(EditHow, TakesNumbersUpToTheirBounds) {
  EXPECT_EQ(edit_how_from("scale:0").number, 0);
  EXPECT_EQ(edit_how_from("clip:0").number, 0);
  EXPECT_EQ(edit_how_from("evict:1000000000").number, 1e9);
  expect_error(ErrorCode::kUsage, "got 'evict:1000000001'", [] { edit_how_from("evict:1000000001"); });
}

TEST(EditHow, HasLayersWhereWritesAreEdited) {
  EXPECT_EQ(layers_word_of(edit_how_from("knockout", EditedLayers::kFirst)), "blocks");
  EXPECT_EQ(layers_word_of(edit_how_from("evict:3")), "blocks");
  EXPECT_EQ(layers_word_of(edit_how_from("scale:0.5")), "run");
  EXPECT_EQ(layers_word_of(edit_how_from("scale:0.5", EditedLayers::kFirst)), "first");
  EXPECT_EQ(layers_word_of(edit_how_from("clip:1")), "first");
  EXPECT_EQ(edit_how_from("knockout", EditedLayers::kFirst), edit_how_from("knockout"));
}

TEST(EditHow, OfSeveralIsEachOnce) {
  const std::vector<std::string> two = {"scale:0.5", "scale:0.25"}, twice = {"evict", "unwrite", "evict:64"};
  EXPECT_EQ(edits_from(two).size(), 2U);
  expect_error(ErrorCode::kUsage, "expected each edit once, got evict:64 again", [&] { edits_from(twice); });
}

TEST(EditHow, IsInForceBehindTheSinksFirstLayerOrInEveryBlock) {
  EXPECT_EQ(edit_how_from("knockout").first_block(4), 5);
  EXPECT_EQ(edit_how_from("unwrite").first_block(4), 5);
  EXPECT_EQ(edit_how_from("evict:1").first_block(4), 0);
}

TEST(RemovedTokens, AreTheFirstRunsThatReadAsSinks) {
  Detection detection;
  detection.primary = Primary{};
  detection.primary->position = 1;
  detection.primary->set = {0, 1};
  detection.primary->birth_layer = 2;
  detection.primary->active_layers = {{2, 4}, {6, 9}};
  const auto add = [&](int position, Verdict verdict, SinkKind kind, int l_start, int l_end) {
    sinkscope::Run run;
    run.position = position;
    run.verdict = verdict;
    run.kind = kind;
    run.l_start = l_start;
    run.l_end = l_end;
    detection.runs.push_back(run);
  };
  add(0, Verdict::kSink, SinkKind::kPrimaryLike, 2, 9);  // of the primary's set
  add(30, Verdict::kTransient, SinkKind::kSecondary, 1, 1);
  add(30, Verdict::kSink, SinkKind::kSecondary, 4, 6);
  add(30, Verdict::kSink, SinkKind::kSecondary, 8, 9);
  add(40, Verdict::kAlignedOnly, SinkKind::kSecondary, 4, 6);
  add(50, Verdict::kSink, SinkKind::kUnaligned, 3, 5);
  add(60, Verdict::kSink, SinkKind::kPrimaryLike, 3, 5);
  const auto places = [&](const char* selection) {
    std::vector<std::vector<int>> all;
    for (const RemovedToken& token : selected_sinks(detection, *sink_selection_named(selection))) {
      all.push_back({token.position, token.l_start, token.l_end});
    }
    return all;
  };
  using Places = std::vector<std::vector<int>>;
  EXPECT_EQ(places("nonprimary"), (Places{{30, 4, 6}, {50, 3, 5}, {60, 3, 5}}));
  EXPECT_EQ(places("secondary"), (Places{{30, 4, 6}}));
  EXPECT_EQ(places("primary_like"), (Places{{60, 3, 5}}));
  EXPECT_EQ(places("unaligned"), (Places{{50, 3, 5}}));
  EXPECT_EQ(places("primary"), (Places{{0, 2, 9}, {1, 2, 9}}));
  EXPECT_FALSE(sink_selection_named("sinks.json"));
  for (const char* name : {"nonprimary", "secondary", "primary_like", "unaligned", "primary"}) {
    EXPECT_EQ(name_of(*sink_selection_named(name)), name);
  }
  // Without layers of its own it is there from its birth on, to where its direction ends.
  detection.primary->set = {0};
  detection.primary->active_layers.clear();
  detection.primary->birth_end = 7;
  EXPECT_EQ(places("primary"), (Places{{0, 2, 7}, {1, 2, 7}}));
  detection.primary->birth_end = 1;
  EXPECT_EQ(places("primary"), (Places{{0, 2, 2}, {1, 2, 2}}));
  detection.primary.reset();
  EXPECT_TRUE(places("nonprimary").empty()) << "effects are on the primary";
}

}  // namespace
}  // namespace sinkscope
