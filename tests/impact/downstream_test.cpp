// What becomes of later tokens' states, against all states of runs that are edited by hand.
#include "impact/downstream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "impact/ablate_sequence.h"
#include "probe/hide_keys.h"
#include "scan/examine.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

constexpr int kLaterTokens = 220;
const std::vector<int> kTakenAway = {30, 44};

// All block outputs of a run.
class EveryState final : public Observer {
 public:
  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent& event) override {
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      const auto state = event.states.row(row);
      states[{event.layer, event.first_token + static_cast<int>(row)}] = {state.begin(), state.end()};
    }
  }
  std::map<std::pair<int, int>, std::vector<double>> states;  // [layer, token]
};

TEST(Downstream, ComparesStatesOneByOne) {
  FakeModelOptions options;
  options.n_layers = 10;
  options.sinks = {{std::nullopt, 0, 1, 9, 24, true}, {'#', std::nullopt, 4, 8, 20, true}};
  FakeModel model(options);
  SequenceToAblate sequence;
  sequence.tokens = fake_text(kLaterTokens, 5, {{kTakenAway[0], '#'}, {kTakenAway[1], '#'}});
  sequence.key = "00ff00ff00ff00ff00";
  sequence.detection = examine(model, {{sequence.tokens}}, {}).front().detection;
  AblateRequest request;
  request.n_draws = 2;
  const auto ablate = [&] {
    return std::move(ablate_sequence(model, sequence, tokens_to_remove(sequence, request, 10), request).front());
  };
  const SequenceAblation ablation = ablate();
  std::vector<int> besides = kTakenAway;
  for (const auto& draw : ablation.placebo.draws) {
    for (const RemovedToken& token : draw) besides.push_back(token.position);
  }
  const auto check = [&](const EditedRun& run, const std::vector<int>& removed) {
    HideKeys by_hand(HiddenKeys{.positions = removed, .first_layer = 5});
    EveryState before, after;
    model.run({{sequence.tokens}}, before, {});
    RunOptions edited_run;
    edited_run.edits = {&by_hand};
    model.run({{sequence.tokens}}, after, edited_run);
    ASSERT_TRUE(run.downstream);
    ASSERT_EQ(run.downstream->layers.size(), 10U);
    for (int layer = 0; layer < 10; ++layer) {
      double norm = 0, cosine = 0;
      int n = 0;
      for (int t = kTakenAway.front() + 64; t < kLaterTokens; ++t) {
        if (std::ranges::find(besides, t) != besides.end()) continue;
        const auto &h = before.states.at({layer, t}), &edited = after.states.at({layer, t});
        double hh = 0, ee = 0, he = 0;
        for (std::size_t d = 0; d < h.size(); ++d) {
          hh += h[d] * h[d];
          ee += edited[d] * edited[d];
          he += h[d] * edited[d];
        }
        norm += std::sqrt(ee / hh) - 1;
        cosine += he / std::sqrt(hh * ee);
        ++n;
      }
      EXPECT_EQ(run.downstream->n, n);
      const StateChange& change = run.downstream->layers[static_cast<std::size_t>(layer)];
      EXPECT_NEAR(change.norm, norm / n, 1e-9) << layer;
      EXPECT_NEAR(change.cosine, cosine / n, 1e-9) << layer;
      if (layer < 5) {
        EXPECT_EQ(change.norm, 0) << "nothing has changed yet";
      } else {
        EXPECT_LT(change.cosine, 1 - 1e-9) << layer;
      }
    }
  };
  check(ablation.edited, kTakenAway);
  std::vector<int> drawn;
  for (const RemovedToken& token : ablation.placebo.draws[1]) drawn.push_back(token.position);
  check(ablation.placebo_runs[1], drawn);
  EXPECT_LT(ablation.edited.downstream->layers[9].cosine, ablation.placebo_runs[1].downstream->layers[9].cosine)
      << "sinks change more than ordinary tokens";
  request.loss = false;
  EXPECT_FALSE(ablate().edited.downstream);
}

TEST(Downstream, AsManyTokensAsFit) {
  const std::vector<int> besides = {80, 81, 90};
  std::vector<int> tokens = downstream_tokens(10, 100, besides, 4, 8);
  EXPECT_EQ(tokens.size(), 100U - 74 - 3);
  EXPECT_EQ(tokens.front(), 74);
  EXPECT_EQ(tokens.back(), 99);
  EXPECT_FALSE(std::ranges::binary_search(tokens, 81));
  EXPECT_TRUE(downstream_tokens(40, 100, {}, 4, 8).empty());
  // 32 MiB are 1024 tokens of 8 layers of 1024 numbers.
  tokens = downstream_tokens(0, 64 + 4096, {}, 8, 1024);
  ASSERT_EQ(tokens.size(), 1024U);
  EXPECT_EQ(tokens[0], 64);
  EXPECT_EQ(tokens[1], 68);
  EXPECT_EQ(tokens.back(), 64 + 4 * 1023);
}

}  // namespace
}  // namespace sinkscope
