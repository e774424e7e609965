// Which sequences are ablated, what a network must show for it, and what heads read: on a model in plain C++.
#include <gtest/gtest.h>

#include "impact/ablate.h"
#include "impact/ablate_sequence.h"
#include "impact/head_reach.h"
#include "impact/head_reach_store.h"
#include "scan/examine.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

constexpr int kShort = 180;

// A network that shows less, or gives no logits.
class LackingModel final : public FakeModel {
 public:
  explicit LackingModel(FakeModelOptions options = {}) : FakeModel(std::move(options)), shown(FakeModel::facts()) {}
  const ModelFacts& facts() const override { return shown; }
  void next_token_logits(MatrixView<const float> states, Matrix<float>& logits) override {
    if (refusal) throw Error(*refusal, "no logits");
    FakeModel::next_token_logits(states, logits);
  }
  ModelFacts shown;
  std::optional<ErrorCode> refusal;
};

class AblateRules : public testing::Test {
 protected:
  AblateRules() : model_(options()) {
    for (int i = 0; i < 4; ++i) {
      SequenceToAblate& one = sequences_.emplace_back();
      one.ordinal = i;
      one.key = "key " + std::to_string(i);
      one.unit = one.key;
      std::map<int, TokenId> placed;
      if (i > 0) placed[30] = '#';
      one.tokens = fake_text(kShort, static_cast<unsigned>(i) + 1, placed);
      one.detection = examine(model_, {{one.tokens}}, {}).front().detection;
    }
    request_.n_draws = 1;
    request_.loss = false;
  }

  static FakeModelOptions options() {
    FakeModelOptions options;
    options.n_layers = 6;
    options.d_model = 8;
    options.sinks = {{std::nullopt, 0, 1, 5, 24, true}, {'#', std::nullopt, 2, 4, 20, true}};
    return options;
  }

  Ablation ablated(Model& model) {
    AblationsInMemory store;
    return ablate(model, 4, [&](std::int64_t i) { return sequences_[static_cast<std::size_t>(i)]; }, request_, store);
  }

  LackingModel model_;
  std::vector<SequenceToAblate> sequences_;
  AblateRequest request_;
};

TEST_F(AblateRules, OfSequencesTheFirstThatHaveSomethingToRemove) {
  std::vector<std::pair<std::int64_t, std::int64_t>> told;
  request_.on_progress = [&](std::int64_t done, std::int64_t total, const std::string&) { told.emplace_back(done, total); };
  request_.max_documents = 2;
  const Ablation ablation = ablated(model_);
  ASSERT_EQ(ablation.edits[0].size(), 2U);
  EXPECT_EQ(ablation.edits[0][0].ordinal, 1);
  EXPECT_EQ(ablation.edits[0][1].key, "key 2");
  EXPECT_EQ(ablation.n_without, 1);
  EXPECT_EQ(told, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 2}, {1, 2}}));
}

TEST_F(AblateRules, NamedDocumentsMustBeThere) {
  request_.named = std::map<std::string, NamedSinks>{{"key 3", {{{40, 2, 3, {}}}, {}}}, {"other", {{{40, 2, 3, {}}}, {}}}};
  expect_error(ErrorCode::kInput, "expected documents of the results file, got 'other'", [&] { ablated(model_); });
  request_.max_documents = 1;  // not all were looked at
  EXPECT_EQ(ablated(model_).edits[0].size(), 1U);
  request_.max_documents.reset();
  request_.named->erase("other");
  const Ablation ablation = ablated(model_);
  ASSERT_EQ(ablation.edits[0].size(), 1U);
  EXPECT_EQ(ablation.edits[0][0].removed[0].position, 40);
  EXPECT_EQ(ablation.n_without, 3);
}

TEST_F(AblateRules, NamedPlacebosAreTakenAsTheyAre) {
  request_.named = std::map<std::string, NamedSinks>{
      {"key 1", {{{40, 2, 3, {}}, {60, 2, 3, {}}}, {{{41, 2, 3, {}}, {66, 2, 3, {}}}, {{33, 2, 3, {}}, {61, 2, 3, {}}}}}}};
  const SequenceAblation one = ablated(model_).edits[0].front();
  EXPECT_EQ(one.placebo.n_wanted, 2);
  EXPECT_EQ(one.placebo.max_distance, 7);
  ASSERT_EQ(one.placebo_runs.size(), 2U);
  EXPECT_EQ(one.placebo.draws[1][1].position, 61);
}

TEST_F(AblateRules, NamedSinksMayLieAtTheEdges) {
  const auto check = [&](RemovedToken sink, std::vector<std::vector<RemovedToken>> placebo = {}) {
    request_.named = std::map<std::string, NamedSinks>{{"key 1", {{sink}, std::move(placebo)}}};
    return tokens_to_remove(sequences_[1], request_, 6).sinks.size();
  };
  EXPECT_EQ(check({kShort - 1, 0, 5, {}}), 1U);
  EXPECT_EQ(check({1, 5, 5, {}}), 1U);
  const auto refused = [&](const std::string& what, RemovedToken sink, std::vector<std::vector<RemovedToken>> placebo = {}) {
    expect_error(ErrorCode::kUsage, what, [&] { check(sink, std::move(placebo)); });
  };
  refused("positions from 0 to 179", {-1, 1, 2, {}});
  refused("layers from 0 to 5", {30, -1, 2, {}});
  refused("layers from 0 to 5", {30, 3, 2, {}});
  refused("positions from 0 to 179", {30, 1, 2, {}}, {{{180, 1, 2, {}}}});
  sequences_[1].detection.primary->set = {0, 2};
  refused("no position of the primary", {2, 1, 2, {}});
  EXPECT_EQ(tokens_to_remove(sequences_[2], request_, 6).sinks.size(), 0U) << "a document that is not named";
}

TEST_F(AblateRules, WithoutThePrimaryAllSinksAreLost) {
  sequences_[1].detection.primary->position = 0;
  request_.selection = SinkSelection::kPrimary;
  request_.edits = {edit_how_from("evict:1")};
  const EditedDetection edited = ablated(model_).edits[0][1].edited.detection;
  EXPECT_FALSE(edited.primary);
  EXPECT_EQ(edited.lost_sinks, std::vector<int>{30});
  EXPECT_TRUE(edited.new_sinks.empty());
}

TEST_F(AblateRules, UnwritingNeedsThePrimaryOfTheFile) {
  sequences_[1].detection.primary->position = 3;
  sequences_[1].detection.primary->set = {3};
  request_.edits = {edit_how_from("unwrite")};
  expect_error(ErrorCode::kModel, "expected position 3 to be the primary of the run", [&] { ablated(model_); });
}

TEST_F(AblateRules, ANetworkMustShowWhatIsEdited) {
  const auto refused = [&](const char* how, const std::string& what) {
    request_.edits = {edit_how_from(how)};
    expect_error(ErrorCode::kModel, what, [&] { ablated(model_); });
  };
  model_.shown.has_writes[4] = false;
  refused("unwrite", "unwrite: expected a network that shows what MLPs write into the stream in every block, got one that "
                     "does not in block 4; try --how knockout");
  model_.shown.has_writes[4] = true;
  model_.shown.has_mid_residual[5] = false;
  refused("scale:0.5", "does not in block 5; try --how knockout");
  request_.edits = {edit_how_from("knockout"), edit_how_from("clip:1")};
  EXPECT_EQ(ablated(model_).edits[1].size(), 3U) << "needs no axis";
  model_.shown.has_attention[0] = false;
  refused("evict:9", "shows its attention in every block, got one that does not in block 0");
}

TEST_F(AblateRules, LossesAreAskedForBeforeAnythingRuns) {
  request_.loss = true;
  model_.refusal = ErrorCode::kModel;
  expect_error(ErrorCode::kModel, "no logits; try --no-loss", [&] { ablated(model_); });
  model_.refusal = ErrorCode::kInterrupted;
  EXPECT_EQ(error_message(ErrorCode::kInterrupted, [&] { ablated(model_); }), "no logits");
}

// Attention of every query and key, summed as the definition says.
class SummedByHand final : public Observer {
 public:
  bool wants_attention(int) override { return true; }
  std::span<const std::int32_t> keys_by_head(int) override { return keys_; }
  void on_micro_batch_begin(int first, int n) override {
    while (static_cast<int>(keys_.size()) < first + n) keys_.push_back(static_cast<int>(keys_.size()));
  }
  void on_attention(const AttentionEvent& event) override {
    for (int row = 0; row < 2 * event.n_queries; ++row) {
      const int query = event.first_query + row % event.n_queries;
      for (int key = 3; key <= query - 20; ++key) {
        mass[event.layer] += static_cast<double>(
            event.by_head.attention(static_cast<std::size_t>(row), static_cast<std::size_t>(key))) / 2;
      }
    }
  }
  double mass[6] = {};

 private:
  std::vector<std::int32_t> keys_;
};

TEST_F(AblateRules, HeadsReadWhatLiesBehindTheFirstAndTheRecentTokens) {
  HeadReachRequest request;
  request.sink_size = 3;
  request.recent_size = 20;
  const auto load = [&](std::int64_t i) {
    SequenceToAblate one = sequences_[static_cast<std::size_t>(i)];
    if (i == 0) one.tokens.resize(86);  // one too few
    if (i == 1) one.tokens.resize(87);
    return one;
  };
  std::vector<std::int64_t> told;
  request.on_progress = [&](std::int64_t done, std::int64_t total, const std::string&) {
    EXPECT_EQ(total, 2);
    told.push_back(done);
  };
  HeadReachInMemory kept;
  const HeadReach reach = measure_head_reach(model_, 3, load, request, kept);
  EXPECT_EQ(told, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(reach.n_sequences, 2);
  EXPECT_EQ(reach.n_queries, (87 - 23) + (kShort - 23));
  SummedByHand by_hand;
  for (const std::int64_t i : {1, 2}) model_.run({{load(i).tokens}}, by_hand, {});
  for (std::size_t l = 0; l < 6; ++l) {
    EXPECT_NEAR(reach.beyond(l, 0), by_hand.mass[l] / static_cast<double>(reach.n_queries), 1e-5) << l;
  }
  request.on_progress = {};
  expect_error(ErrorCode::kInput, "expected a sequence of 87 tokens or more, got none of 1",
               [&] { measure_head_reach(model_, 1, load, request, kept); });
  HeadReachInMemory nothing;
  model_.shown.n_kv_heads[2] = 2;
  expect_error(ErrorCode::kModel, "got 1 in block 0 and 2 in block 2", [&] { measure_head_reach(model_, 3, load, request, nothing); });
  model_.shown.has_attention[1] = false;
  expect_error(ErrorCode::kModel, "one that does not in block 1", [&] { measure_head_reach(model_, 3, load, request, nothing); });
}

}  // namespace
}  // namespace sinkscope
