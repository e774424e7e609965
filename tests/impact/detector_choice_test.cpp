// Which layer and thresholds a detector chooses, of states that are given to it one by one.
#include <gtest/gtest.h>

#include <cmath>

#include "impact/sink_detector.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

// A token's state in layer l lies on axis 0 with the cosine and length that `place` says, and is ordinary else.
class StatesModel final : public FakeModel {
 public:
  struct Place {
    float length = 1, cosine = 0;
  };
  static constexpr int kLayers = 4;

  StatesModel() : FakeModel(options()) {}
  static FakeModelOptions options() {
    FakeModelOptions options;
    options.n_layers = kLayers;
    options.d_model = 8;
    options.sinks.clear();
    return options;
  }
  static Place place(TokenId token, int layer) {
    if (token == kFakeBos) return {layer == 0 ? 0.5F : 100, 1};
    if (token == '&' && layer == 0) return {30, 1};
    if (token == '#' && layer >= 1) return layer == 1 ? Place{10, 0.52F} : Place{30, 1};
    if (token == 'x') return {8, 1};                  // never a sink
    if (token == 'y' && layer >= 2) return {25, 1};  // neither
    return {};
  }
  void run(const Pack& pack, Observer& observer, const RunOptions&) override {
    const auto& tokens = pack.sequences[0];
    for (int layer = 0; layer < kLayers; ++layer) {
      Matrix<float> rows(tokens.size(), 8);
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        const Place at = place(tokens[t], layer);
        rows(t, 0) = at.length * at.cosine;
        rows(t, 1) = at.length * std::sqrt(1 - at.cosine * at.cosine);
      }
      if (observer.wants(ProbePoint::kBlockOutput, layer)) {
        observer.on_state({ProbePoint::kBlockOutput, layer, 0, rows.view(), {}});
      }
    }
  }
};

SequenceToAblate text(std::int64_t ordinal, const std::vector<TokenId>& tokens) {
  SequenceToAblate one;
  one.ordinal = ordinal;
  one.unit = "text " + std::to_string(ordinal);
  one.tokens = {kFakeBos};
  one.tokens.insert(one.tokens.end(), tokens.begin(), tokens.end());
  one.tokens.resize(20, 'o');
  one.detection.primary = Primary{};
  one.detection.primary->set = {0};
  for (std::size_t t = 0; t < one.tokens.size(); ++t) {
    if (one.tokens[t] != '#' && one.tokens[t] != '&') continue;
    Run run;
    run.position = static_cast<int>(t);
    run.verdict = Verdict::kSink;
    one.detection.runs.push_back(run);
  }
  return one;
}

TrainedDetector trained_on(const std::vector<SequenceToAblate>& all) {
  StatesModel model;
  return train_detector(
      model, std::ssize(all), [&](std::int64_t i) { return all[static_cast<std::size_t>(i)]; }, {});
}

constexpr double kStep = 1.2;

TEST(DetectorChoice, IsTheLayerAndTheMiddleOfWhatDoes) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) all.push_back(text(i, {'o', '#'}));
  const TrainedDetector trained = trained_on(all);
  // In layer 1 norm ratios up to 10 and cosines up to 0.52 tell sinks apart; in layers 2 and 3 up to 30 and 1: more
  // pairs, of which layer 2 comes first. Ratios 1.5 x 1.2^i with i from 0 to 16, cosines with i from 0 to 17.
  EXPECT_EQ(trained.detector.layer, 2);
  EXPECT_NEAR(trained.detector.min_norm_ratio, 1.5 * std::pow(kStep, 8), 1e-6);
  EXPECT_NEAR(trained.detector.min_cosine, 0.1 + 8 * 0.05, 1e-6);
  EXPECT_NEAR(trained.detector.ordinary_norm, 1, 1e-6);
  EXPECT_NEAR(trained.detector.axis[0], 1, 1e-6);
  EXPECT_EQ(trained.recall, 1);
}

// Of a primary whose state is short there, too.
TEST(DetectorChoice, MayBeTheFirstLayer) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) all.push_back(text(i, {'o', '&'}));
  const TrainedDetector trained = trained_on(all);
  EXPECT_EQ(trained.detector.layer, 0);
  EXPECT_NEAR(trained.detector.axis[0], 1, 1e-6);
  EXPECT_NEAR(trained.detector.min_norm_ratio, 1.5 * std::pow(kStep, 8), 1e-6);
  EXPECT_EQ(trained.recall, 1);
  EXPECT_EQ(trained.n_false, 0);
}

TEST(DetectorChoice, KeepsOutWhatIsLongAndNoSink) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) all.push_back(text(i, {'x', '#'}));
  const TrainedDetector trained = trained_on(all);
  // Ratios from 1.5 x 1.2^10 = 9.3 on, above 8.
  EXPECT_EQ(trained.detector.layer, 2);
  EXPECT_NEAR(trained.detector.min_norm_ratio, 1.5 * std::pow(kStep, 13), 1e-6);
  EXPECT_EQ(trained.n_false, 0);
}

// One document has a long token of a kind that the others know nothing of.
TEST(DetectorChoice, IsJudgedOnWhatItHasNotSeen) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) all.push_back(text(i, {i == 0 ? 'y' : 'x', '#'}));
  const TrainedDetector trained = trained_on(all);
  EXPECT_EQ(trained.n_sinks, 8);
  EXPECT_EQ(trained.n_found, 8);
  EXPECT_EQ(trained.n_false, 1);
  EXPECT_EQ(trained.recall, 1);
  EXPECT_NEAR(*trained.precision, 8.0 / 9, 1e-12);
  EXPECT_EQ(trained.reason, "8 documents in 4 parts: each was judged by what the others chose");
  EXPECT_NEAR(trained.detector.min_norm_ratio, 1.5 * std::pow(kStep, 16), 1e-6) << "above 25, up to 30";
  // Documents are dealt out evenly.
  std::vector<int> of_part(kDetectorParts);
  for (const auto& [unit, part] : trained.part_of) ++of_part[part];
  EXPECT_EQ(of_part, (std::vector<int>{2, 2, 2, 2}));
}

TEST(DetectorChoice, DoesNotCountWhatHasNoVerdict) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(text(i, {'#', 'x', '#'}));
    for (sinkscope::Run& run : all.back().detection.runs) {
      if (run.position == 3) run.verdict = Verdict::kUnscored;
    }
  }
  EXPECT_EQ(trained_on(all).n_sinks, 8);
  for (SequenceToAblate& one : all) {  // another run of that token is a sink
    sinkscope::Run run;
    run.position = 3;
    run.verdict = Verdict::kSink;
    one.detection.runs.push_back(run);
  }
  EXPECT_EQ(trained_on(all).n_sinks, 16);
}

TEST(SinkDetector, NamesStatesThatReachBothThresholds) {
  SinkDetector detector;
  detector.axis = {1, 0};
  detector.ordinary_norm = 2;
  detector.min_norm_ratio = 3;
  detector.min_cosine = 0.6F;
  const auto names = [&](float x, float y) { return detector.names(std::vector<float>{x, y}); };
  EXPECT_TRUE(names(6, 0));
  EXPECT_FALSE(names(5.9F, 0));
  EXPECT_FALSE(names(-6, 0));
  EXPECT_TRUE(names(30.1F, 40));
  EXPECT_FALSE(names(29.9F, 40));
  detector.ordinary_norm = 0;
  detector.min_cosine = -1;
  EXPECT_FALSE(names(0, 0)) << "no direction";
}

}  // namespace
}  // namespace sinkscope
