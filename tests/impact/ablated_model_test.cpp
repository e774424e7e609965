// Sinks taken out of a model in plain C++ whose sinks are dictated, against runs that are edited by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "impact/ablate.h"
#include "impact/ablate_sequence.h"
#include "probe/hide_keys.h"
#include "scan/examine.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

constexpr int kTokens = 220;
const std::vector<int> kSinks = {30, 44};

// Attention of every head and query on every key, in every block.
class Whole final : public Observer {
 public:
  bool wants_attention(int) override { return true; }
  std::span<const std::int32_t> keys_by_head(int) override { return keys_; }
  void on_micro_batch_begin(int first, int n) override {
    while (static_cast<int>(keys_.size()) < first + n) keys_.push_back(static_cast<int>(keys_.size()));
  }
  void on_attention(const AttentionEvent& event) override {
    auto& of_layer = attention[event.layer];
    for (int q = 0; q < event.n_queries; ++q) {
      auto& of_query = of_layer.emplace_back();
      for (int h = 0; h < event.n_heads; ++h) {
        const auto row = event.by_head.attention.row(static_cast<std::size_t>(h * event.n_queries + q));
        of_query.emplace_back(row.begin(), row.end());
      }
    }
  }
  std::map<int, std::vector<std::vector<std::vector<double>>>> attention;  // [layer][query][head][key]

 private:
  std::vector<std::int32_t> keys_;
};

class AblatedModel : public testing::Test {
 protected:
  AblatedModel() : model_(options()) {
    std::map<int, TokenId> placed;
    for (const int position : kSinks) placed[position] = '#';
    sequence_.tokens = fake_text(kTokens, 5, placed);
    sequence_.key = "00ff00ff00ff00ff00";
    ExamineOptions examine_options;
    sequence_.detection = examine(model_, {{sequence_.tokens}}, examine_options).front().detection;
    request_.n_draws = 2;
    request_.loss = false;
  }

  static FakeModelOptions options() {
    FakeModelOptions options;
    options.n_layers = 10;
    options.sinks = {{std::nullopt, 0, 1, 9, 24, true}, {'#', std::nullopt, 4, 8, 20, true}};
    return options;
  }

  SequenceAblation ablate_with(const char* how, std::optional<EditedLayers> layers = std::nullopt) {
    request_.edits = {edit_how_from(how, layers)};
    const NamedSinks sinks = tokens_to_remove(sequence_, request_, model_.facts().n_layers);
    return std::move(ablate_sequence(model_, sequence_, sinks, request_).front());
  }

  Whole whole(std::vector<Edit*> edits = {}) {
    Whole observed;
    RunOptions run;
    run.edits = std::move(edits);
    model_.run({{sequence_.tokens}}, observed, run);
    return observed;
  }

  FakeModel model_;
  SequenceToAblate sequence_;
  AblateRequest request_;
};

TEST_F(AblatedModel, KnockoutIsAMaskMadeByHand) {
  const SequenceAblation ablation = ablate_with("knockout");
  ASSERT_EQ(ablation.removed.size(), 2U);
  EXPECT_EQ(ablation.removed[0].position, 30);
  EXPECT_EQ(ablation.removed[0].l_start, 4);
  EXPECT_EQ(ablation.primary, 0);

  HideKeys by_hand(HiddenKeys{.positions = kSinks, .first_layer = 5});
  const Whole before = whole(), after = whole({&by_hand});
  for (int block = 0; block < 10; ++block) {
    SCOPED_TRACE(block);
    const auto b = static_cast<std::size_t>(block);
    EXPECT_EQ(ablation.edited.blocks[b].has_value(), block >= 5);
    if (block < 5) continue;
    // Those that see the primary and one of the two sinks from 64 tokens behind.
    EXPECT_EQ(ablation.base[b].n_queries, kTokens - 30 - 64);
    double score = 0, log_odds = 0, log_a = 0, competition = 0, competition_score = 0, base = 0, mass = 0, n = 0;
    for (int q = 30 + 64; q < kTokens; ++q) {
      for (std::size_t h = 0; h < 2; ++h) {
        const auto& was = before.attention.at(block)[static_cast<std::size_t>(q)][h];
        const auto& is = after.attention.at(block)[static_cast<std::size_t>(q)][h];
        // A key that has not come when a micro-batch is run is none of its keys.
        const auto of = [](const std::vector<double>& row, int key) {
          return static_cast<std::size_t>(key) < row.size() ? row[static_cast<std::size_t>(key)] : 0;
        };
        const double m = of(was, 30) + of(was, 44), a = was[0], c = is[0];
        EXPECT_EQ(of(is, 30) + of(is, 44), 0);
        score += c - a;
        base += a;
        mass += m;
        log_a += std::log(c / a);
        competition += -std::log(1 - m);
        log_odds += std::log(c / (1 - c)) - std::log(a / (1 - a - m));
        competition_score += a / (1 - m) - a;
        ++n;
      }
    }
    const BlockEffect& effect = *ablation.edited.blocks[b];
    // Single attentions are float32.
    EXPECT_NEAR(ablation.base[b].figures->score, base / n, 1e-6);
    EXPECT_NEAR(ablation.base[b].figures->removed_mass, mass / n, 1e-6);
    EXPECT_NEAR(effect.score, score / n, 1e-6);
    EXPECT_NEAR(effect.logs->log_a, log_a / n, 1e-5);
    EXPECT_NEAR(effect.logs->competition, competition / n, 1e-5);
    EXPECT_NEAR(effect.logs->log_odds, log_odds / n, 1e-5);
    EXPECT_NEAR(effect.logs->competition_score, competition_score / n, 1e-6);
    EXPECT_NEAR(effect.logs->own_logit + effect.logs->competition + effect.logs->other_keys, effect.logs->log_a, 1e-9);
    EXPECT_GT(effect.score, 0);
  }
  // The first block reads states that nothing has changed yet: it is softmax sharing and nothing else.
  const LogChanges& first = *ablation.edited.blocks[5]->logs;
  EXPECT_NEAR(first.own_logit, 0, 1e-5);
  EXPECT_NEAR(first.other_keys, 0, 1e-5);
  EXPECT_NEAR(first.log_odds, 0, 1e-5);
  EXPECT_NEAR(first.competition_score, ablation.edited.blocks[5]->score, 1e-6);
  EXPECT_GT(std::abs(ablation.edited.blocks[8]->logs->log_odds), 1e-4) << "later blocks read what changed";
}

TEST_F(AblatedModel, PlaceboIsSmallBesideTheSinks) {
  const SequenceAblation ablation = ablate_with("knockout");
  ASSERT_EQ(ablation.placebo_runs.size(), 2U);
  for (const EditedRun& draw : ablation.placebo_runs) {
    for (std::size_t b = 5; b < 10; ++b) {
      ASSERT_TRUE(draw.blocks[b]);
      EXPECT_LT(std::abs(draw.blocks[b]->score), 0.1 * ablation.edited.blocks[b]->score) << b;
      EXPECT_LT(draw.blocks[b]->removed_mass, 0);
    }
    EXPECT_TRUE(draw.detection.new_sinks.empty());
    EXPECT_TRUE(draw.detection.lost_sinks.empty());
    EXPECT_EQ(draw.detection.primary, 0);
  }
}

TEST_F(AblatedModel, WhatChangesNothingIsNoEffectInAnyBit) {
  request_.loss = true;
  request_.n_draws = 1;
  for (const char* how : {"scale:1", "evict:1000", "clip:1e9"}) {
    SCOPED_TRACE(how);
    const SequenceAblation ablation = ablate_with(how);
    int n_blocks = 0;
    for (const auto& block : ablation.edited.blocks) {
      if (!block) continue;
      ++n_blocks;
      EXPECT_EQ(block->score, 0);
      EXPECT_EQ(block->removed_mass, 0);
      EXPECT_EQ(block->logs->log_odds, 0);
      EXPECT_EQ(block->logs->own_logit, 0);
      EXPECT_EQ(block->logs->log_a, 0);
    }
    EXPECT_GE(n_blocks, 5);
    EXPECT_EQ(ablation.edited.tokens->loss, 0);
    EXPECT_NEAR(ablation.edited.tokens->kl, 0, 1e-7) << "rounded in float32";
    EXPECT_TRUE(ablation.edited.detection.new_sinks.empty());
  }
}

TEST_F(AblatedModel, AnEvictedKeyIsHiddenInEveryBlock) {
  const SequenceAblation ablation = ablate_with("evict:64");
  HideKeys by_hand(HiddenKeys{.positions = kSinks, .first_layer = 0, .min_distance = 64});
  const Whole before = whole(), after = whole({&by_hand});
  for (const int block : {0, 3, 9}) {
    double score = 0;
    for (int q = 30 + 64; q < kTokens; ++q) {
      for (std::size_t h = 0; h < 2; ++h) {
        score += after.attention.at(block)[static_cast<std::size_t>(q)][h][0] -
                 before.attention.at(block)[static_cast<std::size_t>(q)][h][0];
      }
    }
    ASSERT_TRUE(ablation.edited.blocks[static_cast<std::size_t>(block)]);
    EXPECT_NEAR(ablation.edited.blocks[static_cast<std::size_t>(block)]->score, score / (2.0 * (kTokens - 94)), 1e-6);
  }
}

TEST_F(AblatedModel, DosesOfTheWriteRiseInOrder) {
  request_.n_draws = 1;
  double last = 0;
  for (const char* how : {"scale:0.75", "scale:0.5", "scale:0.25", "unwrite"}) {
    const SequenceAblation ablation = ablate_with(how);
    const double score = ablation.edited.blocks[6]->score;
    EXPECT_GT(score, last) << how;
    last = score;
  }
  // Without its write the token is no sink: knocked out, it gives the primary about the same.
  const SequenceAblation unwrite = ablate_with("unwrite"), knockout = ablate_with("knockout");
  EXPECT_NEAR(unwrite.edited.blocks[6]->score, knockout.edited.blocks[6]->score, 0.01);
  EXPECT_GT(ablate_with("clip:1").edited.blocks[6]->score, 0.5 * last);
}

TEST_F(AblatedModel, LossesAreMeasuredWhereTheyAreAskedFor) {
  request_.loss = true;
  const SequenceAblation with = ablate_with("knockout");
  ASSERT_TRUE(with.edited.tokens);
  EXPECT_EQ(with.edited.tokens->n, kTokens - 1 - 30) << "from the first removed token on";
  EXPECT_GT(with.edited.tokens->kl, 1e-6);
  ASSERT_TRUE(with.placebo_runs[1].tokens);
  EXPECT_EQ(with.placebo_runs[1].tokens->n, kTokens - 1 - 30);
  EXPECT_LT(with.placebo_runs[1].tokens->kl, with.edited.tokens->kl);
  request_.loss = false;
  const SequenceAblation without = ablate_with("knockout");
  EXPECT_FALSE(without.edited.tokens);
  EXPECT_EQ(without.edited.blocks[6]->score, with.edited.blocks[6]->score);
}

// A weaker token has attention evidence only once the sinks beside it are gone.
TEST_F(AblatedModel, TokensThatTakeTheSinksPlaceAreNamedWithTheirMass) {
  constexpr int kWeak = 62;
  FakeModelOptions weaker = options();
  weaker.sinks.push_back({'@', std::nullopt, 4, 8, 3, true});
  FakeModel model(weaker);
  sequence_.tokens[kWeak] = '@';
  HideKeys by_hand(HiddenKeys{.positions = kSinks, .first_layer = 5});
  // The smallest far boost of the weak token in the blocks that read it.
  const auto boost = [&](std::vector<Edit*> edits) {
    ExamineOptions options;
    options.run.edits = std::move(edits);
    const Examined examined = std::move(examine(model, {{sequence_.tokens}}, options).front());
    const TokenProfile* profile = profile_of(examined.figures, kWeak);
    float smallest = 1e9F;
    for (std::size_t b = 5; b < 10; ++b) smallest = std::min(smallest, profile->far_boost[b].value());
    return smallest;
  };
  const float before = boost({}), after = boost({&by_hand});
  ASSERT_GT(after, 1.2F * before);
  request_.thresholds.min_far_boost = std::sqrt(before * after);
  request_.thresholds.min_norm_ratio = 1.5F;
  request_.thresholds.min_far_z = 0;
  request_.thresholds.min_alignment = 0.7F;
  ExamineOptions examined;
  examined.thresholds = request_.thresholds;
  sequence_.detection = std::move(examine(model, {{sequence_.tokens}}, examined).front().detection);
  request_.edits = {EditHow{}};
  const NamedSinks sinks = tokens_to_remove(sequence_, request_, 10);
  ASSERT_EQ(sinks.sinks.size(), 2U) << "the weak token is none yet";
  const SequenceAblation ablation = std::move(ablate_sequence(model, sequence_, sinks, request_).front());
  EXPECT_EQ(ablation.edited.detection.new_sinks, std::vector<int>{kWeak});

  Whole observed;
  RunOptions run;
  run.edits = {&by_hand};
  model.run({{sequence_.tokens}}, observed, run);
  double mass = 0;
  for (int q = 94; q < kTokens; ++q) {
    for (std::size_t h = 0; h < 2; ++h) {
      const auto& row = observed.attention.at(7)[static_cast<std::size_t>(q)][h];
      if (row.size() > kWeak) mass += row[kWeak] / (2.0 * (kTokens - 94));
    }
  }
  EXPECT_NEAR(*ablation.edited.blocks[7]->replaced_mass, mass, 1e-6);
  for (const EditedRun& draw : ablation.placebo_runs) {
    EXPECT_TRUE(draw.detection.new_sinks.empty());
    EXPECT_FALSE(draw.blocks[7]->replaced_mass) << "not measured is not 0";
  }
}

TEST_F(AblatedModel, RemovingThePrimaryNamesWhatFollows) {
  request_.selection = SinkSelection::kPrimary;
  const SequenceAblation ablation = ablate_with("evict:1");
  ASSERT_EQ(ablation.removed.size(), 1U);
  EXPECT_EQ(ablation.removed[0].position, 0);
  EXPECT_NE(ablation.edited.detection.primary, 0);
  const auto& block = ablation.edited.blocks[6];
  ASSERT_TRUE(block);
  EXPECT_NEAR(block->score, -ablation.base[6].figures->score, 1e-6);
  EXPECT_FALSE(block->logs) << "the log of nothing";
}

TEST_F(AblatedModel, RefusesNamedSinksThatCannotBe) {
  const auto check = [&](std::vector<RemovedToken> sinks, const char* message) {
    request_.named = std::map<std::string, NamedSinks>{{sequence_.key, {std::move(sinks), {}}}};
    expect_error(ErrorCode::kUsage, message, [&] { tokens_to_remove(sequence_, request_, 10); });
  };
  check({{kTokens, 1, 2, {}}}, "expected positions from 0 to 219");
  check({{0, 1, 2, {}}}, "expected no position of the primary (0)");
  check({{30, 1, 2, {}}, {30, 3, 4, {}}}, "expected each position once");
  check({{30, 4, 10, {}}}, "expected layers from 0 to 9");
}

TEST_F(AblatedModel, RunsTheSequencesThatHaveSomethingToRemove) {
  std::vector<SequenceToAblate> sequences(3, sequence_);
  sequences[1].detection.runs.clear();
  for (std::size_t i = 0; i < 3; ++i) {
    sequences[i].ordinal = static_cast<std::int64_t>(i);
    sequences[i].unit = std::to_string(i);
  }
  const LoadToAblate load = [&](std::int64_t ordinal) { return sequences[static_cast<std::size_t>(ordinal)]; };
  request_.n_draws = 1;
  AblationsInMemory store;
  const Ablation all = ablate(model_, 3, load, request_, store);
  ASSERT_EQ(all.edits.size(), 1U);
  ASSERT_EQ(all.edits[0].size(), 2U);
  EXPECT_EQ(all.edits[0][1].ordinal, 2);
  EXPECT_EQ(all.n_without, 1);
  EXPECT_EQ(all.edits[0][1].unit, "2");
  // What is kept is not measured again, and only what is missing is.
  const auto kept = store.find(edit_specification(request_, request_.edits[0]), 2);
  ASSERT_TRUE(kept);
  SequenceAblation marked = *kept;
  marked.edited.detection.new_sinks = {77};
  store.add(2, {{edit_specification(request_, request_.edits[0]), &marked}});
  request_.edits.push_back(edit_how_from("evict:64"));
  const Ablation again = ablate(model_, 3, load, request_, store);
  ASSERT_EQ(again.edits.size(), 2U);
  EXPECT_EQ(again.edits[0][1].edited.detection.new_sinks, std::vector<int>{77});
  EXPECT_EQ(again.edits[1].size(), 2U);
  request_.selection = SinkSelection::kUnaligned;
  expect_error(ErrorCode::kInput, "expected a sequence with unaligned sinks; none of 3", [&] {
    ablate(model_, 3, load, request_, store);
  });
  for (SequenceToAblate& sequence : sequences) sequence.detection.primary.reset();
  expect_error(ErrorCode::kInput, "expected a sequence with a primary", [&] { ablate(model_, 3, load, request_, store); });
}

}  // namespace
}  // namespace sinkscope
