#include "probe/edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "probe/change_rows.h"
#include "probe/hide_keys.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Sequences of 4, 1 and 3 tokens. The micro-batch begins with the last token of the first.
class RunTokensTest : public testing::Test {
 protected:
  const std::vector<std::int32_t> position_{0, 1, 2, 3, 0, 0, 1, 2}, sequence_{0, 0, 0, 0, 1, 2, 2, 2};
  const RunTokens tokens_{position_, sequence_, 3};
};

TEST_F(RunTokensTest, KnowWhereATokenIs) {
  EXPECT_EQ(tokens_.n_rows(), 5);
  EXPECT_EQ(tokens_.token(0, 2), 2);
  EXPECT_EQ(tokens_.token(2, 1), 6);
  EXPECT_EQ(tokens_.token(0, 4), std::nullopt) << "that is the next sequence";
  EXPECT_EQ(tokens_.token(2, 3), std::nullopt);
  EXPECT_EQ(tokens_.token(3, 0), std::nullopt);
  EXPECT_EQ(tokens_.token(0, -1), std::nullopt);
  EXPECT_EQ(tokens_.row(0, 2), std::nullopt) << "of an earlier micro-batch";
  EXPECT_EQ(tokens_.row(0, 3), 0);
  EXPECT_EQ(tokens_.row(2, 2), 4);
}

TEST_F(RunTokensTest, AKeyIsHiddenFromLaterQueriesOfItsSequence) {
  const auto hidden = [&](int sequence, int key, int first, int end) {
    std::vector<HiddenKey> found;
    EditableAttention(0, tokens_, found).hide(sequence, key, first, end);
    return found;
  };
  constexpr int kAll = std::numeric_limits<int>::max();
  EXPECT_THAT(hidden(0, 1, 0, kAll), ElementsAre(HiddenKey{1, 0, 1}));
  EXPECT_THAT(hidden(0, 1, 0, 3), IsEmpty()) << "these queries have been";
  EXPECT_THAT(hidden(0, 3, 0, kAll), IsEmpty()) << "a token sees itself";
  EXPECT_THAT(hidden(2, 0, 0, kAll), ElementsAre(HiddenKey{5, 3, 5}));
  EXPECT_THAT(hidden(2, 0, 2, kAll), ElementsAre(HiddenKey{5, 4, 5}));
  EXPECT_THAT(hidden(2, 0, 1, 2), ElementsAre(HiddenKey{5, 3, 4}));
  EXPECT_THAT(hidden(2, 0, kAll, kAll), IsEmpty());
  EXPECT_THAT(hidden(1, 0, 0, kAll), IsEmpty()) << "there is no later query";
  EXPECT_THAT(hidden(2, 7, 0, kAll), IsEmpty());
}

std::vector<float> changed(std::vector<float> row, const RowChange& change, bool writes = true) {
  EXPECT_EQ(change_row(change, row), writes);
  return row;
}

// Direction (0, 3, 4) has length 5; the component of (1, 5, 10) along it is 11.
TEST(ChangeRow, ByHand) {
  const std::vector<float> row{1, 5, 10}, direction{0, 3, 4};
  EXPECT_THAT(changed(row, ReplaceRow{{7, 8, 9}}), ElementsAre(7, 8, 9));
  EXPECT_THAT(changed(row, AddToRow{{1, 0, -2}}), ElementsAre(2, 5, 8));
  EXPECT_THAT(changed(row, SetComponent{direction, 0}),
              ElementsAre(1, testing::FloatNear(-1.6F, 1e-6F), testing::FloatNear(1.2F, 1e-6F)));
  EXPECT_THAT(changed(row, SetComponent{direction, 16}), ElementsAre(1, 8, 14));
  EXPECT_THAT(changed(row, ScaleComponent{direction, 0, 16}), ElementsAre(1, 8, 14));
  EXPECT_THAT(changed(row, ScaleComponent{direction, 0.5, 21}), ElementsAre(1, 8, 14));
  // (2, 9, 2) has the component 7; with 11 instead it is (2, 9, 2) + 4 * (0, 0.6, 0.8).
  EXPECT_THAT(changed(row, ReplaceRest{direction, {2, 9, 2}}),
              ElementsAre(2, testing::FloatNear(11.4F, 1e-5F), testing::FloatNear(5.2F, 1e-5F)));
  EXPECT_THAT(changed({3, 4}, ClipNorm{1}),
              ElementsAre(testing::FloatNear(0.6F, 1e-6F), testing::FloatNear(0.8F, 1e-6F)));
  EXPECT_THAT(changed({3, 4}, ClipNorm{0}), ElementsAre(0, 0));
}

TEST(ChangeRow, WithoutEffectKeepsEveryBit) {
  const std::vector<float> row{-0.0F, 5, 10}, direction{1, 3, 4};
  for (const RowChange& change :
       {RowChange(ScaleComponent{direction, 1, 99}), RowChange(ClipNorm{12}), RowChange(ClipNorm{1e30})}) {
    const std::vector<float> after = changed(row, change, false);
    EXPECT_TRUE(std::signbit(after[0]));
    EXPECT_EQ(after, row);
  }
}

TEST(ChangeRow, OfAnotherLengthIsRefused) {
  std::vector<float> row{1, 2, 3};
  expect_error(ErrorCode::kShape, "expected a vector of the row's 3 numbers, got 2",
               [&] { change_row(ReplaceRest{{1, 2, 3}, {1, 2}}, row); });
}

TEST(Edits, AreDescribedByAllThatDecidesThem) {
  const RowPlace place{ProbePoint::kMlpWrite, 5, 0, 224};
  ChangeRows set(place, SetComponent{{1, 2}, 0.1}), clip(place, ClipNorm{50});
  EXPECT_THAT(set.description(), HasSubstr("mlp_write of layer 5, sequence 0, position 224: component along "));
  EXPECT_THAT(set.description(), HasSubstr(" set to 0.1"));
  EXPECT_NE(set.description(), ChangeRows(place, SetComponent{{1, 3}, 0.1}).description());
  EXPECT_NE(set.description(), ChangeRows(place, SetComponent{{1, 2}, 0.10000001}).description());
  HideKeys hide(HiddenKeys{.positions = {224, 366}, .first_layer = 6, .min_distance = 64});
  EXPECT_EQ(hide.description(), "hide keys 224,366 of sequence 0 in blocks 6- from distance 64");
  EXPECT_EQ(HideKeys(HiddenKeys{.positions = {9, 3, 4, 5, 6, 10}}).description(),
            "hide keys 3-6,9,10 of sequence 0 in blocks 0- from distance 1");
  Edit* edits[] = {&clip, &hide};
  EXPECT_EQ(description_of(edits),
            "mlp_write of layer 5, sequence 0, position 224: clipped to norm 50; " + hide.description());
  EXPECT_EQ(description_of({}), "");
}

// Keeps far sums and the last states.
class Watcher final : public Observer {
 public:
  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  bool wants_attention(int) override { return true; }
  void on_state(const StateEvent& event) override {
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      auto& kept = states[{event.layer, event.first_token + static_cast<int>(row)}];
      kept.assign(event.states.row(row).begin(), event.states.row(row).end());
    }
  }
  void on_attention(const AttentionEvent& event) override {
    for (std::size_t key = 0; key < event.sums.cols(); ++key)
      sums[{event.layer, static_cast<int>(key)}] += event.sums(0, key);
  }
  std::map<std::pair<int, int>, std::vector<float>> states;
  std::map<std::pair<int, int>, double> sums;
};

RunOptions with(Edit& edit) {
  RunOptions options;
  options.edits = {&edit};
  return options;
}

// A token that is made a sink in layer 5, with its write taken out, and its key hidden.
TEST(Edits, TakeASinkFromAFakeModel) {
  FakeModelOptions options;
  options.sinks.push_back({'.', {}, 5, 8, 16, true});
  FakeModel model(options);
  const Pack pack{{fake_text(90, 1), fake_text(90, 2, {{30, '.'}})}};
  const int token = 90 + 30;
  Watcher plain, unwritten, hidden;
  model.run(pack, plain, {});
  ChangeRows unwrite({ProbePoint::kMlpWrite, 5, 1, 30}, SetComponent{model.axis(), 0});
  model.run(pack, unwritten, with(unwrite));
  HideKeys hide(HiddenKeys{.sequence = 1, .positions = {30}, .first_layer = 6});
  model.run(pack, hidden, with(hide));
  EXPECT_GT(plain.sums[std::pair(6, token)], 10);
  EXPECT_LT((unwritten.sums[{6, token}]), 5);
  EXPECT_LT((hidden.sums[{6, token}]), 1) << "the token itself still sees it";
  EXPECT_EQ((hidden.sums[{5, token}]), (plain.sums[{5, token}]));
  EXPECT_EQ((hidden.states[{11, token}]), (plain.states[{11, token}])) << "its own row";
  EXPECT_NE((hidden.states[{11, token + 1}]), (plain.states[{11, token + 1}]));
  EXPECT_EQ((hidden.states[{11, 89}]), (plain.states[{11, 89}])) << "another sequence";
  HideKeys elsewhere(HiddenKeys{.sequence = 1, .positions = {90}});
  expect_error(ErrorCode::kUsage, "expected position 0 to 89, got 90",
               [&] { model.run(pack, plain, with(elsewhere)); });
}

}  // namespace
}  // namespace sinkscope
