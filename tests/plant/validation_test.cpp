// Scoring planted tiny models, with the engine.
#include "plant/trial/validation.h"

#include <cmath>
#include <filesystem>
#include <numeric>

#include "letters.h"
#include "plant/trial/controls.h"
#include "plant/trial/threshold_grid.h"
#include "plant/trial/write_meter.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

class ValidationTest : public testing::Test {
 protected:
  ValidationTest() {
    TinyOptions tiny;
    tiny.primary_layer = 2;
    write_tiny_model(tiny, source_);
    PlantOptions options;
    options.sinks = {{5, kPlanted, 150, {}}};
    truth_ = plant_sinks(source_, planted_, load_tiny, letters(1, 2, 600), options);
  }
  Validation validate(const PlantTruth& truth, bool with_base = false) const {
    const auto base = with_base ? load_tiny(source_) : nullptr;
    WriteMeter writes(planted_, truth);
    return validate_sinks(*load_tiny(planted_), base.get(), writes, truth, texts_, {});
  }

  const TemporaryFolder folder_;
  const std::string source_ = folder_.file("source.gguf"), planted_ = folder_.file("planted.gguf");
  const Sequences texts_ = letters(2, 2, 500);  // not what planting saw
  PlantTruth truth_;
};

TEST_F(ValidationTest, FindsWhatWasPlanted) {
  const Validation validation = validate(truth_, true);
  EXPECT_EQ(validation.n_tokens, 1000);
  EXPECT_GT(validation.all.places, 10);
  EXPECT_EQ(validation.all.recall, 1.0);
  EXPECT_EQ(validation.all.exact_frac, 1.0);
  EXPECT_EQ(validation.strong.places, validation.all.places);  // 150 is about 17 times the median
  EXPECT_EQ(validation.strong.recall, 1.0);
  EXPECT_EQ(validation.precision, 1.0);
  EXPECT_EQ(validation.spilled, 0);
  const SinkScore& score = validation.sinks.at(0);
  EXPECT_EQ(score.secondary, score.found);
  EXPECT_GT(score.unscored, 0);  // near the end of a text
  EXPECT_NEAR(*score.norm_ratio, *score.truth.norm_ratio, 2);
  ASSERT_TRUE(validation.primary);
  EXPECT_EQ(validation.primary->block, 6);
  EXPECT_GT(validation.primary->fall_frac(), 0.33);
  // Its own logit moves little: the fall is the normaliser's.
  EXPECT_NEAR(*validation.primary->logit, *validation.primary->base_logit, 1);
}

TEST_F(ValidationTest, AWrongTruthScoresBadly) {
  PlantTruth wrong = truth_;
  wrong.sinks[0].token = 'B';  // an ordinary letter
  const Validation validation = validate(wrong);
  EXPECT_EQ(validation.all.recall, 0.0);
  EXPECT_EQ(validation.strong.places, 0);  // nothing is written there
  EXPECT_EQ(validation.token_precision, 0.0);
  EXPECT_EQ(validation.precision, 1.0);  // the reports are where the neuron writes
  PlantTruth late = truth_;
  late.sinks[0].layer = 6;  // found, but its run began a layer before
  WriteMeter writes(planted_, truth_);
  const Validation one_late = validate_sinks(*load_tiny(planted_), nullptr, writes, late, texts_, {});
  EXPECT_EQ(one_late.all.recall, 1.0);
  EXPECT_EQ(one_late.all.exact_frac, 0.0);
  EXPECT_EQ(one_late.sinks.at(0).l_start_error, 1.0);
}

TEST_F(ValidationTest, ReportsWhereNothingWasWrittenAreMistakes) {
  // A model with a sink of its own at every 'B', which its truth does not name.
  TinyOptions tiny;
  tiny.primary_layer = 2;
  tiny.sinks = {{4, 'B', 150}};
  write_tiny_model(tiny, folder_.file("natural.gguf"));
  PlantOptions options;
  options.sinks = {{5, kPlanted, 150, {}}};
  const std::string both = folder_.file("both.gguf");
  const PlantTruth truth = plant_sinks(folder_.file("natural.gguf"), both, load_tiny, letters(1, 2, 600), options);
  WriteMeter writes(both, truth);
  const Validation alone = validate_sinks(*load_tiny(both), nullptr, writes, truth, texts_, {});
  EXPECT_LT(*alone.precision, 0.7);
  EXPECT_EQ(alone.spilled, 0);
  // The unplanted model shows them too.
  const auto base = load_tiny(folder_.file("natural.gguf"));
  const Validation beside = validate_sinks(*load_tiny(both), base.get(), writes, truth, texts_, {});
  EXPECT_EQ(beside.precision, 1.0);
  EXPECT_EQ(beside.natural, alone.reported - alone.correct);
}

TEST_F(ValidationTest, RefusesANeuronThatIsNotPlanted) {
  PlantTruth wrong = truth_;
  wrong.sinks[0].neuron ^= 1;
  expect_error(ErrorCode::kInput, "another one", [&] { WriteMeter(planted_, wrong); });
  wrong.sinks[0].neuron = 1000;
  expect_error(ErrorCode::kInput, "128 neurons", [&] { WriteMeter(planted_, wrong); });
}

TEST_F(ValidationTest, ControlsOfTheSameTokenAreCounted) {
  PlantTruth in_context = truth_;
  in_context.sinks[0].after = {'B'};
  for (TokenId token = 'A'; token < 'A' + 40; ++token) {
    if (token != 'B') in_context.sinks[0].not_after.push_back(token);
  }
  const Validation validation = validate(in_context);
  // The model was planted everywhere, so the controls are sinks too, and wrong ones.
  EXPECT_GT(validation.sinks.at(0).controls, 10);
  EXPECT_EQ(validation.sinks.at(0).controls_reported, validation.sinks.at(0).controls);
  EXPECT_LT(*validation.token_precision, 0.5);
}

TEST_F(ValidationTest, RefusesTheTruthOfAnotherModel) {
  PlantTruth other = truth_;
  other.n_layers = 9;
  expect_error(ErrorCode::kInput, "belongs to the model", [&] { validate(other); });
}

TEST_F(ValidationTest, OtherDirectionsAreNoSinks) {
  ControlOptions options;
  options.n_seeds = 2;
  options.scratch = folder_.file("control.gguf");
  const Sequences one_text(texts_.begin(), texts_.begin() + 1);
  const ControlTable table = run_controls(planted_, load_tiny, truth_, one_text, options);
  ASSERT_EQ(table.rows.size(), 9U);
  EXPECT_FALSE(std::filesystem::exists(options.scratch));
  for (const ControlRow& row : table.rows) {
    EXPECT_TRUE(row.unreachable.empty());
    EXPECT_EQ(row.n_models, row.direction == "orthogonal" || row.direction == "permuted" ? 2 : 1) << row.direction;
    ASSERT_TRUE(row.far_boost) << row.direction;
    // A tiny model's axis is one channel, so that channel alone is a sink as well.
    const bool sink = row.direction == "axis" || row.direction == "channel";
    EXPECT_EQ(row.far_boost->median > 8, sink) << row.direction << " " << row.far_boost->median;
    EXPECT_EQ(row.kinds.contains("secondary"), sink) << row.direction;
  }
  EXPECT_EQ(table.axis_beats_orthogonal, true);
}

TEST_F(ValidationTest, TheGridHoldsTheRuleItself) {
  ThresholdTrial trial(truth_, {});
  ValidateOptions options;
  options.trial = &trial;
  WriteMeter writes(planted_, truth_);
  validate_sinks(*load_tiny(planted_), load_tiny(source_).get(), writes, truth_, texts_, options);
  ControlOptions controls;
  controls.n_seeds = 1;
  controls.scratch = folder_.file("control.gguf");
  controls.trial = &trial;
  const Sequences one_text(texts_.begin(), texts_.begin() + 1);
  run_controls(planted_, load_tiny, truth_, one_text, controls);
  const ThresholdGrid grid = trial.grid();
  const Validation validation = validate(truth_);
  EXPECT_EQ(grid.rows.size(), 3U * 5 * 3 * 3);
  EXPECT_GT(std::accumulate(grid.ordinary.begin(), grid.ordinary.end(), 0), 700);
  EXPECT_EQ(grid.ordinary[9], 0);  // too near the end for far queries
  int same = 0;
  for (const GridRow& row : grid.rows) {
    if (row.alignment != "raw" || row.min_alignment != 0.9F || row.min_norm_ratio != 3 || row.min_far_boost != 5)
      continue;
    ++same;
    EXPECT_EQ(row.places, validation.strong.places);
    EXPECT_EQ(row.recall(), validation.strong.recall);
    EXPECT_EQ(row.exact_frac(), validation.strong.exact_frac);
    EXPECT_EQ(row.precision(), validation.precision);
    EXPECT_EQ(grid.worst_decile_frac(row), 0);
    // Every control but the axis itself, and a tiny model's axis is one channel.
    EXPECT_EQ(row.controls.size(), 8U);
    EXPECT_GT(row.controls.at("channel").places, 5);
    EXPECT_EQ(row.controls.at("channel").reported, row.controls.at("channel").places);
    EXPECT_EQ(row.no_sinks().places, 5 * row.controls.at("channel").places);
    EXPECT_EQ(row.no_sinks().reported, 0);
  }
  EXPECT_EQ(same, 1);
  ASSERT_EQ(grid.figures.size(), 4U * 2 * 2 - 1);
  for (const FigureAuc& figure : grid.figures) {
    EXPECT_GT(*figure.auc_others, 0.99) << figure.name();
    // What is written in another direction has the norm, and nothing else.
    const bool norm_alone = figure.norm_ratio && figure.alignment.empty() && !figure.far_boost;
    EXPECT_EQ(*figure.auc_controls > 0.95, !norm_alone) << figure.name() << " " << *figure.auc_controls;
  }
}

TEST_F(ValidationTest, TheGridCountsReportsOfTheUnplantedModelByDecile) {
  // The planted model stands in for an unplanted one that shows secondary sinks.
  ThresholdTrial trial(truth_, {});
  ValidateOptions options;
  options.trial = &trial;
  const auto model = load_tiny(planted_);
  WriteMeter writes(planted_, truth_);
  const Sequences one_text(texts_.begin(), texts_.begin() + 1);
  const Validation validation = validate_sinks(*model, load_tiny(planted_).get(), writes, truth_, one_text, options);
  const ThresholdGrid grid = trial.grid();
  ByDecile expected{};
  for (std::size_t p = kPrimaryCandidates; p + 64 + 64 <= one_text[0].size(); ++p) {
    if (one_text[0][p] == kPlanted) ++expected[p * kDeciles / one_text[0].size()];
  }
  for (const GridRow& row : grid.rows) {
    if (row.alignment == "raw" && row.min_alignment == 0.9F && row.min_norm_ratio == 3 && row.min_far_boost == 5) {
      EXPECT_EQ(row.false_reports, expected);
      EXPECT_GT(grid.worst_decile_frac(row), 0.01);
    }
  }
}

}  // namespace
}  // namespace sinkscope
