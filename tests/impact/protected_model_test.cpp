// Window caches of a model in plain C++, against masks and predictions that are made by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "impact/judge_protection.h"
#include "impact/protect.h"
#include "impact/protection_store.h"
#include "impact/token_effect.h"
#include "scan/examine.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

constexpr int kTokens = 220;
const std::vector<int> kSinks = {30, 44};

// What the last block's attention reads: by query, which keys have any.
class SeenKeys final : public Observer {
 public:
  bool wants_attention(int) override { return true; }
  std::span<const std::int32_t> keys_by_head(int) override { return keys_; }
  void on_micro_batch_begin(int first, int n) override {
    while (static_cast<int>(keys_.size()) < first + n) keys_.push_back(static_cast<int>(keys_.size()));
  }
  void on_attention(const AttentionEvent& event) override {
    for (int q = 0; q < event.n_queries; ++q) {
      std::set<int> of_query;
      const auto row = event.by_head.visible.row(static_cast<std::size_t>(q));
      for (std::size_t key = 0; key < row.size(); ++key) {
        if (row[key] != 0) of_query.insert(static_cast<int>(key));
      }
      auto& seen_of = seen[event.first_query + q];
      if (event.layer == 0) {
        seen_of = of_query;
      } else {
        EXPECT_EQ(seen_of, of_query) << "layer " << event.layer;
      }
    }
  }
  std::map<int, std::set<int>> seen;

 private:
  std::vector<std::int32_t> keys_;
};

class ProtectedModel : public testing::Test {
 protected:
  ProtectedModel() : model_(options()) {
    std::map<int, TokenId> placed;
    for (const int position : kSinks) placed[position] = '#';
    sequence_.tokens = fake_text(kTokens, 5, placed);
    sequence_.key = "00ff00ff00ff00ff00";
    sequence_.unit = "one";
    sequence_.detection = examine(model_, {{sequence_.tokens}}, {}).front().detection;
  }

  static FakeModelOptions options() {
    FakeModelOptions options;
    options.n_layers = 10;
    options.sinks = {{std::nullopt, 0, 1, 9, 24, true}, {'#', std::nullopt, 4, 8, 20, true}};
    return options;
  }

  ProtectRequest request_for(std::vector<std::string> caches) {
    ProtectRequest request;
    for (const std::string& cache : caches) request.caches.push_back(cache_form_from(cache));
    request.n_draws = 2;
    return request;
  }

  std::map<int, std::set<int>> seen_with(int cells, const std::vector<int>& kept) {
    const auto edit = make_cache(cache_form_from("window:" + std::to_string(cells)), kept, kTokens, model_.facts());
    RunOptions run;
    if (edit) run.edits = {edit.get()};
    SeenKeys seen;
    model_.run({{sequence_.tokens}}, seen, run);
    return seen.seen;
  }

  FakeModel model_;
  SequenceToAblate sequence_;
};

TEST_F(ProtectedModel, AWindowHoldsItsCells) {
  for (const std::vector<int>& kept : {std::vector<int>{}, {0}, {0, 30, 44}, {0, 1, 2, 3}, {100, 219}}) {
    for (const int cells : {8, 50, 219}) {
      const auto seen = seen_with(cells, kept);
      for (int q = 0; q < kTokens; ++q) {
        // Kept tokens that have come, and the most recent others, as many as there are cells.
        std::set<int> expected;
        for (const int k : kept) {
          if (k <= q) expected.insert(k);
        }
        for (int k = q; k >= 0 && static_cast<int>(expected.size()) < cells; --k) expected.insert(k);
        ASSERT_EQ(seen.at(q), expected) << cells << " cells, query " << q << ", " << kept.size() << " kept";
      }
    }
  }
}

TEST_F(ProtectedModel, AWindowOfEverythingIsNoEdit) {
  EXPECT_EQ(make_cache(cache_form_from("window:220"), {}, kTokens, model_.facts()), nullptr);
  EXPECT_NE(make_cache(cache_form_from("window:219"), {}, kTokens, model_.facts()), nullptr);
  std::vector<int> all;
  for (int t = 0; t < kTokens; ++t) all.push_back(t);
  EXPECT_EQ(make_cache(cache_form_from("window:221"), all, kTokens, model_.facts()), nullptr);
  expect_error(ErrorCode::kUsage, "expected more cells than the 3 kept tokens, got 3",
               [&] { make_cache(cache_form_from("window:3"), {0, 1, 2}, kTokens, model_.facts()); });
}

TEST_F(ProtectedModel, SetsAreWhatTheySay) {
  const std::vector<std::uint8_t> ordinary(kTokens, 1);
  std::vector<double> totals(kTokens, 1.0);
  totals[0] = 50;
  totals[7] = 9;
  totals[30] = 8;
  const auto sets = kept_sets(sequence_.detection, ordinary, totals, 2, 1, 1);
  ASSERT_EQ(sets.size(), kKeptSets.size());
  const auto one = [&](KeptSet set) { return sets[static_cast<std::size_t>(set)].draws.front(); };
  EXPECT_EQ(one(KeptSet::kNone), std::vector<int>{});
  EXPECT_EQ(one(KeptSet::kPrimary), std::vector<int>{0});
  EXPECT_EQ(one(KeptSet::kFirst4), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(one(KeptSet::kFirstN), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(one(KeptSet::kSinks), (std::vector<int>{0, 30, 44}));
  EXPECT_EQ(one(KeptSet::kAttended), (std::vector<int>{0, 7, 30}));
  const auto& placebo = sets[static_cast<std::size_t>(KeptSet::kPlacebo)].draws;
  ASSERT_EQ(placebo.size(), 2U);
  for (const auto& draw : placebo) {
    ASSERT_EQ(draw.size(), 3U);
    EXPECT_EQ(draw[0], 0);
    for (const int sink : kSinks) EXPECT_FALSE(std::ranges::binary_search(draw, sink));
  }
  EXPECT_NE(placebo[0], placebo[1]);
}

TEST_F(ProtectedModel, MeasuresPredictions) {
  const ProtectRequest request = request_for({"window:100", "window:400"});
  const SequenceProtection protection = protect_sequence(model_, sequence_, request);
  EXPECT_EQ(protection.positions, (std::vector<int>{0, 30, 44}));
  EXPECT_EQ(protection.primary, std::vector<int>{0});
  ASSERT_EQ(protection.caches.size(), 2U);
  EXPECT_EQ(protection.caches[1].n, 0) << "the text is shorter than the window";
  EXPECT_TRUE(protection.caches[1].sets.empty());
  const CacheEffect& window = protection.caches[0];
  EXPECT_EQ(window.n, kTokens - 1 - 100);
  ASSERT_EQ(window.sets.size(), kKeptSets.size());

  // By hand: softmax of logits of both runs.
  const auto edit = make_cache(window.cache, {0}, kTokens, model_.facts());
  FinalStates full(kTokens), kept(kTokens);
  RunOptions run;
  model_.run({{sequence_.tokens}}, full, run);
  run.edits = {edit.get()};
  model_.run({{sequence_.tokens}}, kept, run);
  Matrix<float> a, b;
  model_.next_token_logits(full.states().view(), a);
  model_.next_token_logits(kept.states().view(), b);
  const auto log_softmax = [](std::span<const float> logits) {
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x));
    std::vector<double> logs;
    for (const float x : logits) logs.push_back(static_cast<double>(x) - std::log(sum));
    return logs;
  };
  double kl = 0, loss = 0;
  for (int t = 100; t < kTokens - 1; ++t) {
    const auto p = log_softmax(a.row(static_cast<std::size_t>(t))), q = log_softmax(b.row(static_cast<std::size_t>(t)));
    for (std::size_t v = 0; v < p.size(); ++v) kl += std::exp(p[v]) * (p[v] - q[v]);
    const auto next = static_cast<std::size_t>(sequence_.tokens[static_cast<std::size_t>(t) + 1]);
    loss += p[next] - q[next];
  }
  const KeptEffect& primary = window.sets[static_cast<std::size_t>(KeptSet::kPrimary)];
  EXPECT_EQ(primary.n_kept, 1);
  EXPECT_NEAR(*primary.kl, kl / window.n, 1e-6);
  EXPECT_NEAR(*primary.loss, loss / window.n, 1e-6);
  EXPECT_GT(*window.sets[0].kl, *primary.kl) << "nothing kept loses more";
}

TEST_F(ProtectedModel, RefusesTextsThatAreTooShort) {
  const auto load = [&](std::int64_t) { return sequence_; };
  ProtectionsInMemory store;
  EXPECT_EQ(protect(model_, 1, load, request_for({"window:155"}), store).size(), 1U);
  expect_error(ErrorCode::kInput, "expected a sequence of 221 tokens or more, got none of 1",
               [&] { protect(model_, 1, load, request_for({"window:156"}), store); });
}

// A network whose passes are counted.
class CountedModel final : public FakeModel {
 public:
  using FakeModel::FakeModel;
  void run(const Pack& pack, Observer& observer, const RunOptions& options) override {
    ++n_runs;
    FakeModel::run(pack, observer, options);
  }
  int n_runs = 0;
};

TEST_F(ProtectedModel, WhatIsStoredIsNotMeasuredAgain) {
  CountedModel model(options());
  const auto load = [&](std::int64_t ordinal) {
    SequenceToAblate sequence = sequence_;
    sequence.ordinal = ordinal;
    sequence.unit = std::to_string(ordinal);
    return sequence;
  };
  ProtectRequest request = request_for({"window:100"});
  ProtectionsInMemory whole, interrupted;
  const auto undisturbed = protect(model, 3, load, request, whole);
  const int runs_of_one = model.n_runs / 3;
  EXPECT_GT(runs_of_one, 5);
  EXPECT_EQ(model.n_runs, 3 * runs_of_one);

  model.n_runs = 0;
  request.max_documents = 2;
  protect(model, 3, load, request, interrupted);
  EXPECT_EQ(model.n_runs, 2 * runs_of_one);
  request.max_documents.reset();
  const auto resumed = protect(model, 3, load, request, interrupted);
  EXPECT_EQ(model.n_runs, 3 * runs_of_one) << "the third sequence alone";
  protect(model, 3, load, request, interrupted);
  EXPECT_EQ(model.n_runs, 3 * runs_of_one) << "nothing is lacking";
  ASSERT_EQ(resumed.size(), 3U);
  for (std::size_t s = 0; s < 3; ++s) {
    EXPECT_EQ(resumed[s].positions, undisturbed[s].positions);
    EXPECT_EQ(resumed[s].ordinal, static_cast<std::int64_t>(s));
    for (std::size_t k = 0; k < kKeptSets.size(); ++k) {
      EXPECT_EQ(resumed[s].caches[0].sets[k].kl, undisturbed[s].caches[0].sets[k].kl);
      EXPECT_EQ(resumed[s].caches[0].sets[k].loss, undisturbed[s].caches[0].sets[k].loss);
    }
  }

  // Another cache: its own passes, and those of the unedited network.
  request.caches.push_back(cache_form_from("window:120"));
  protect(model, 1, load, request, interrupted);
  EXPECT_EQ(model.n_runs, 4 * runs_of_one);
  request.seed = 2;
  protect(model, 1, load, request, interrupted);
  EXPECT_GT(model.n_runs, 5 * runs_of_one) << "other draws are other figures";
}

}  // namespace
}  // namespace sinkscope
