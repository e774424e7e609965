// Sinks of a small network that makes them as it is told: who made them, what edits do, and what maps gather.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/index.h"
#include "base/statistics.h"
#include "formation/edit_sink.h"
#include "formation/explain.h"
#include "formation/map_layers.h"
#include "gguf/writer.h"
#include "scan/examine.h"
#include "tests/support/fake_model.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;

constexpr int kFakeLayers = 8, kFakeTokens = 190;
constexpr TokenId kMade = 'Q', kUnalignedToken = 'X';
constexpr int kFirstMade = 40, kSecondMade = 50;

FakeModelOptions fake_options() {
  FakeModelOptions options;
  options.n_layers = kFakeLayers;
  options.d_model = 16;
  options.n_heads = 1;
  options.sinks = {{std::nullopt, 0, 1, 6, 24, true}, {kMade, std::nullopt, 3, 4, 16, true},
                   {kUnalignedToken, std::nullopt, 2, 5, 16, false}};
  return options;
}

// Which also says where its MLPs read and write.
class MappedModel final : public FakeModel {
 public:
  MappedModel() : FakeModel(fake_options()) {
    for (int l = 0; l < kFakeLayers; ++l) {
      nodes_.push_back({l, "mlp_input", "in-" + std::to_string(l)});
      nodes_.push_back({l, "mlp_write", "out-" + std::to_string(l)});
    }
  }
  std::span<const ProbeNode> probe_nodes() const override { return nodes_; }

 private:
  std::vector<ProbeNode> nodes_;
};

// All states after blocks, and all MLP inputs.
class ShownStates final : public Observer {
 public:
  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent& event) override {
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      const auto state = event.states.row(row);
      of_layer[event.layer].emplace_back(state.begin(), state.end());
    }
  }
  double along(int layer, int position, const std::vector<float>& axis) const {
    double sum = 0;
    for (std::size_t c = 0; c < axis.size(); ++c) sum += static_cast<double>(of_layer.at(layer)[index(position)][c] * axis[c]);
    return sum;
  }
  std::vector<float> axis(int layer) const {
    std::vector<float> unit = of_layer.at(layer)[0];
    const double length = std::sqrt(along(layer, 0, unit));
    for (float& x : unit) x = static_cast<float>(static_cast<double>(x) / length);
    return unit;
  }
  std::map<int, std::vector<std::vector<float>>> of_layer;
};

class FakeExplained : public testing::Test {
 protected:
  FakeExplained() {
    examine_text(fake_text(kFakeTokens, 1, {{kFirstMade, kMade}, {kSecondMade, kMade}, {60, kUnalignedToken}}));
    GgufMetadata metadata;
    metadata.set_text("general.architecture", "fake");
    write_gguf(metadata, {}, path_);
    options_.n_permuted_axes = 3;
  }

  void examine_text(std::vector<TokenId> tokens) {
    tokens_ = std::move(tokens);
    examined_ = std::move(examine(model_, {{tokens_}}, {}).front());
  }
  ScannedSequence sequence() const { return {7, "seven", tokens_, examined_.figures, examined_.detection}; }
  SequenceExplanation explain(int n_pretended = 0) {
    ModelWeights weights{GgufFile(path_)};
    const SinkKind kinds[] = {SinkKind::kSecondary};
    return explain_sequence(model_, weights, sequence(), kinds, n_pretended, options_, {});
  }
  double ordinary_norm(int layer) const { return static_cast<double>(*examined_.figures.ordinary_norm[index(layer)]); }

  MappedModel model_;
  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("none.gguf");
  std::vector<TokenId> tokens_;
  Examined examined_;
  ExplainOptions options_;
};

TEST_F(FakeExplained, SinksAreMadeByTheMlpThatWroteThem) {
  const SequenceExplanation explained = explain(5);
  ShownStates states;
  model_.run({{tokens_}}, states, {});
  EXPECT_EQ(explained.ordinal, 7);
  EXPECT_EQ(explained.n_tokens, kFakeTokens);
  EXPECT_EQ(explained.n_unaligned, 1);
  EXPECT_EQ(explained.primary.position, 0);
  // The primary is active in layers 1 to 6: its axis is compared with that of layer 3.
  EXPECT_EQ(explained.primary.axis_cosine[3], 1);
  EXPECT_LT(explained.primary.axis_cosine[4], 1);
  EXPECT_EQ(explained.sees_all, std::vector<std::uint8_t>(kFakeLayers, 1));
  EXPECT_NE(explained.neurons_lacking, "");
  ASSERT_EQ(explained.runs.size(), 2U);
  const RunExplanation& run = explained.runs[0];
  EXPECT_EQ(run.run.position, kFirstMade);
  EXPECT_EQ(run.run.l_start, 3);
  EXPECT_EQ(run.run.l_end, 4);
  EXPECT_EQ(run.token, kMade);
  EXPECT_EQ(run.formed, true);
  EXPECT_EQ(run.peak->largest[0].part, (PartName{PartKind::kMlp, 3}));
  EXPECT_FALSE(run.start_read) << "no norm is known";
  EXPECT_EQ(run.controls.positions.size(), 10U);
  // Heights and means of heights, read slowly.
  for (int layer = 0; layer < kFakeLayers; ++layer) {
    const std::vector<float> axis = states.axis(layer);
    const double norm = ordinary_norm(layer);
    EXPECT_NEAR(run.state_axis[index(layer)], states.along(layer, kFirstMade, axis) / norm, 1e-4);
    double mean = 0;
    for (const int control : run.controls.positions) mean += states.along(layer, control, axis) / norm / 10;
    EXPECT_NEAR(run.control_state_axis[index(layer)], mean, 1e-4);
    const auto& profile = *profile_of(examined_.figures, kFirstMade);
    EXPECT_EQ(run.far_boost[index(layer)], profile.far_boost[index(layer)]);
    if (run.mlp_norm_ratio[index(layer)] > 0) {
      EXPECT_NEAR(*run.mlp_cos[index(layer)], run.mlp_axis[index(layer)] / run.mlp_norm_ratio[index(layer)], 1e-6);
    }
  }
  EXPECT_EQ(run.l_peak, run.state_axis[4] > run.state_axis[3] ? 4 : 3);
  EXPECT_EQ(run.norm_ratio, profile_of(examined_.figures, kFirstMade)->norm_ratio[3]);
  EXPECT_NEAR(run.start->total, run.state_axis[3], 1e-4);
  EXPECT_NEAR(run.start->control_total, run.control_state_axis[3], 1e-4);
  EXPECT_NEAR(*run.start->rank_p, 1.0 / (1 + run.controls.n_eligible), 1e-12) << "no ordinary token is as high";
  // Layer 5 takes it back; the primary stays.
  EXPECT_EQ(run.end.cause, EndCause::kRemoved);
  EXPECT_NEAR(*run.end.primary_height_kept, 1, 0.1);
}

TEST_F(FakeExplained, NullsCountWhatIsNoSink) {
  const SequenceExplanation explained = explain(5);
  EXPECT_EQ(explained.null.n_pretended, 5);
  EXPECT_EQ(explained.null.pretended_formed, 0);
  EXPECT_EQ(explained.null.pretended_excess.size(), 5U);
  EXPECT_EQ(explained.null.n_permuted, 6) << "three axes, two sinks";
  EXPECT_EQ(explained.null.permuted_excess.size(), 6U);
  EXPECT_EQ(explain().null.n_pretended, 0);
}

// Ordinary tokens: all but the first 8 and those in runs.
TEST_F(FakeExplained, OrdinaryHeightsAreOfTokensInNoRun) {
  const OrdinaryHeights ordinary = explain().ordinary;
  const std::vector<int> tokens = tokens_in_no_run(kFakeTokens, examined_.detection, options_);
  EXPECT_EQ(ordinary.n, static_cast<int>(tokens.size()));
  EXPECT_LE(ordinary.n, kFakeTokens - 8 - 3);
  ShownStates states;
  model_.run({{tokens_}}, states, {});
  for (int layer = 0; layer < kFakeLayers; ++layer) {
    std::vector<double> heights;
    for (const int t : tokens) heights.push_back(states.along(layer, t, states.axis(layer)) / ordinary_norm(layer));
    EXPECT_NEAR(ordinary.state_axis_p50[index(layer)], median_of(std::span<double>(heights)), 1e-4);
    EXPECT_LE(ordinary.mlp_axis_p50[index(layer)], ordinary.mlp_axis_p99[index(layer)]);
    EXPECT_LE(ordinary.attention_axis_p50[index(layer)], ordinary.attention_axis_p99[index(layer)]);
  }
}

TEST_F(FakeExplained, WithoutRunsNothingIsPretended) {
  examine_text(fake_text(kFakeTokens, 1));
  const SequenceExplanation explained = explain(5);
  EXPECT_TRUE(explained.runs.empty());
  EXPECT_EQ(explained.null.n_pretended, 0);
  EXPECT_EQ(explained.null.n_permuted, 0);
  EXPECT_EQ(explained.n_unaligned, 0);
}

TEST_F(FakeExplained, WithoutTheMlpsWriteTheAttentionIsGone) {
  RunExplanation run = explain().runs.at(0);
  ASSERT_TRUE(edit_sink(model_, sequence(), run, {}, options_, {}));
  // Its text is whole, so that the boost before is that of the scan: over blocks 4 and 5, which read layers 3 and 4.
  const auto& boost = profile_of(examined_.figures, kFirstMade)->far_boost;
  const double before = static_cast<double>(*boost[4] + *boost[5]) / 2;
  int placebos = 0;
  for (const LayerEdit& edit : run.edits) {
    placebos += edit.placebo;
    EXPECT_EQ(edit.tokens_run, kFakeTokens);
    EXPECT_NEAR(*edit.far_boost_before, before, 1e-4 * before);
    EXPECT_EQ(edit.axis.removed, edit.layer == 3) << edit.layer;
    EXPECT_NEAR(*edit.axis.kept, *edit.axis.far_boost / before, 1e-4);
    EXPECT_EQ(edit.rest.has_value(), !edit.placebo);
    const PartExcess& excess = edit.layer <= 3 && !edit.placebo ? *run.start : *run.peak;
    EXPECT_EQ(edit.excess, excess.excess.mlp[index(edit.layer)]);
    if (edit.layer == 3) {
      EXPECT_FALSE(edit.axis.run);
      EXPECT_LT(*edit.axis.far_boost, 5);
      EXPECT_FALSE(edit.rest->removed) << "what is beside the axis makes no sink";
      EXPECT_EQ(edit.rest->run, LayerInterval(3, 4));
    } else {
      EXPECT_EQ(edit.axis.run, LayerInterval(3, 4));
    }
  }
  EXPECT_EQ(placebos, 1);
  ASSERT_TRUE(run.together);
  EXPECT_THAT(run.together->layers, ElementsAre(3));
  EXPECT_TRUE(run.together->outcome.removed);
  // Where a tenth of the attention would have to be left to call it removed.
  options_.removed_kept = *run.together->outcome.kept / 2;
  run = explain().runs.at(0);
  ASSERT_TRUE(edit_sink(model_, sequence(), run, {}, options_, {}));
  EXPECT_FALSE(run.together->outcome.removed);
}

TEST_F(FakeExplained, WhatTheCutTextDoesNotShowCannotBeEdited) {
  RunExplanation run = explain().runs.at(0);
  options_.min_tokens = options_.tokens_after = 100;  // 140 tokens: 63 far queries behind the last one that has any
  options_.tokens_after = 30;
  EXPECT_FALSE(edit_sink(model_, sequence(), run, {}, options_, {}));
  EXPECT_TRUE(run.edits.empty());
}

// Three sequences with sinks, a fourth without a primary.
TEST_F(FakeExplained, AllThatIsWantedIsMeasuredOnce) {
  const LoadSequence load = [&](std::int64_t ordinal) {
    SequenceToExplain one{ordinal, std::to_string(ordinal), tokens_, examined_.figures, examined_.detection};
    if (ordinal == 1) one.detection.primary.reset();
    return one;
  };
  ExplainRequest request;
  request.kinds = {SinkKind::kSecondary};
  request.map = false;
  request.options = options_;
  request.options.edit_sinks = 1;
  request.options.n_pretended = 11;  // three of each: five sequences would have as many, had they sinks
  ModelWeights weights{GgufFile(path_)};
  ExplanationsInMemory store;
  measure_explanation(model_, weights, 3, load, request, store);
  EXPECT_FALSE(store.find(1));
  EXPECT_TRUE(store.maps().empty());
  const auto n_edited = [&](std::int64_t ordinal) {
    const SequenceExplanation one = *store.find(ordinal);
    return std::ranges::count_if(one.runs, [](const RunExplanation& run) { return !run.edits.empty(); });
  };
  EXPECT_EQ(store.find(0)->null.n_pretended, 3);
  EXPECT_EQ(store.find(2)->null.n_pretended, 3);
  EXPECT_EQ(n_edited(0) + n_edited(2), 1);
  // All is there: the model is not asked again.
  request.run.should_stop = [] { return true; };
  measure_explanation(model_, weights, 3, load, request, store);
  request.run.should_stop = {};
  request.options.edit_sinks = 2;
  measure_explanation(model_, weights, 3, load, request, store);
  EXPECT_EQ(n_edited(0), 1) << "spread over the sequences";
  EXPECT_EQ(n_edited(2), 1);
}

class FakeMaps : public FakeExplained {
 protected:
  FakeMaps() {
    // Four of a token have the others for controls.
    examine_text(fake_text(kFakeTokens, 1, {{kFirstMade, kMade}, {kSecondMade, kMade}}));
    sequences_ = {explain()};
    request_.kinds = {SinkKind::kSecondary};
    request_.layers = {3};
    request_.options = options_;
    request_.options.n_exchanged = request_.options.n_chance = 9;
  }
  std::vector<LayerMap> maps() {
    return measure_maps(
        model_, sequences_, [&](std::int64_t) { return SequenceToExplain{7, "seven", tokens_, examined_.figures, examined_.detection}; },
        request_);
  }
  std::vector<SequenceExplanation> sequences_;
  ExplainRequest request_;
};

TEST_F(FakeMaps, GatherSinksControlsAndOrdinaryTokens) {
  const auto made = maps();
  ASSERT_EQ(made.size(), 1U);
  const LayerMap& map = made[0];
  EXPECT_EQ(map.layer, 3);
  EXPECT_EQ(map.n_sinks, 2);
  EXPECT_EQ(map.n_controls, 2);
  EXPECT_EQ(map.n_sequences, 1);
  EXPECT_EQ(map.n_ordinary, static_cast<int>(tokens_in_no_run(kFakeTokens, examined_.detection, options_).size()));
  EXPECT_NEAR(map.input_norm_median, 1, 1e-5) << "MLPs read units";
  EXPECT_NEAR(*map.inputs.sink_height_p50,
              (sequences_[0].runs[0].mlp_axis[3] + sequences_[0].runs[1].mlp_axis[3]) / 2, 1e-4);
  // Whatever comes is turned and a fifth as long.
  for (const MappedDirection& direction : map.directions) {
    for (std::size_t s = 0; s < map.scales.size(); ++s) {
      EXPECT_NEAR(direction.norm_ratio[s], 0.2 * std::abs(map.scales[s]) / ordinary_norm(3), 1e-4);
    }
  }
  EXPECT_EQ(map.decision.n_sets, 0) << "controls are other tokens";
}

TEST_F(FakeMaps, TakeSoManyAndNoMore) {
  request_.options.max_vectors = 3;
  const LayerMap map = maps().at(0);
  EXPECT_EQ(map.n_sinks, 1) << "half as many sinks";
  EXPECT_EQ(map.n_ordinary, 3);
  // The text is run up to the last control of the one sink: tokens behind it are not drawn.
  request_.options.max_vectors = 4096;
  request_.options.min_tokens = 10;
  const auto& runs = sequences_[0].runs;
  const int last = std::max(runs[0].controls.positions.back(), runs[1].controls.positions.back());
  EXPECT_EQ(maps().at(0).n_ordinary, static_cast<int>(tokens_in_no_run(last + 1, examined_.detection, options_).size()));
}

TEST_F(FakeMaps, OfOneOrdinaryTokenAreMade) {
  request_.options.max_vectors = 2;
  request_.options.first_ordinary = kFakeTokens - 1;
  EXPECT_EQ(maps().at(0).n_ordinary, 1);
  request_.options.first_ordinary = kFakeTokens;
  EXPECT_TRUE(maps().empty());
  request_.layers = {kFakeLayers};
  EXPECT_TRUE(maps().empty()) << "no such layer";
}

}  // namespace
}  // namespace sinkscope
