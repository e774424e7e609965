#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "reference_data.h"
#include "sinks/detection.h"

namespace sinkscope {
namespace {

// Figures of a token as the reference gives them, without a model.
TokenProfile profile_of(const ReferenceData& data, std::size_t token) {
  const auto layers = static_cast<std::size_t>(data.n_layers);
  TokenProfile profile = empty_profile(static_cast<int>(token), data.n_layers);
  const auto column = [&](const char* name) {
    LayerFigures figures(layers);
    for (std::size_t l = 0; l < layers; ++l) figures[l] = data.arrays.at(name).at(l, token);
    return figures;
  };
  profile.far_score = column("long.far_score");
  profile.far_boost = column("long.far_boost");
  profile.norm_ratio = column("long.norm_ratio");
  profile.alignment = column("long.alignment");
  return profile;
}

SequenceFigures figures_of(const ReferenceData& data) {
  SequenceFigures figures;
  figures.n_layers = data.n_layers;
  figures.n_tokens = static_cast<int>(data.long_tokens.size());
  figures.candidate = 0;
  const auto layers = static_cast<std::size_t>(data.n_layers);
  // The reference gives the birth, not the cosines behind it: here the direction holds from there on.
  const auto birth = static_cast<std::size_t>(data.birth_layer);
  Matrix<float> holds(layers, layers, 0.0F);
  for (std::size_t a = birth; a < layers; ++a) {
    for (std::size_t b = birth; b < layers; ++b) holds(a, b) = 1;
  }
  figures.self_cosine.assign(kPrimaryCandidates, holds);
  for (std::size_t t = 0; t < data.long_tokens.size(); ++t) {
    (t < kPrimaryCandidates ? figures.first_positions : figures.tokens).push_back(profile_of(data, t));
  }
  return figures;
}

using RunFacts = std::tuple<int, int, int, std::string, std::string>;

class ReferenceRule : public testing::TestWithParam<const char*> {};

TEST_P(ReferenceRule, FindsTheReferencesRuns) {
  const ReferenceData data = read_reference(GetParam());
  const Detection detection = detect_by_evidence(figures_of(data), {});
  ASSERT_TRUE(detection.primary) << detection.no_primary_reason;
  EXPECT_EQ(detection.primary->position, 0);
  EXPECT_THAT(detection.primary->set, testing::ElementsAre(0));
  EXPECT_EQ(detection.primary->birth_layer, data.birth_layer);
  EXPECT_EQ(detection.primary->active_layers, data.active_layers);

  std::vector<RunFacts> expected;
  for (const ReferenceRun& run : data.runs) {
    expected.emplace_back(run.position, run.l_start, run.l_end, run.verdict, run.kind.value_or(""));
  }
  std::vector<RunFacts> found;
  for (const auto& run : detection.runs) {
    const bool is_sink = run.verdict == Verdict::kSink;
    found.emplace_back(run.position, run.l_start, run.l_end, std::string(name_of(run.verdict)),
                       is_sink ? std::string(name_of(run.kind)) : "");
  }
  EXPECT_EQ(found, expected);
  for (std::size_t i = 0; i < std::min(data.runs.size(), detection.runs.size()); ++i) {
    const auto& boost = data.runs[i].far_boost_median;
    ASSERT_EQ(detection.runs[i].far_boost_median.has_value(), boost.has_value());
    // Five digits: up to 5e-5 on either side, and 8e-6 from packing.
    if (boost) {
      EXPECT_NEAR(*detection.runs[i].far_boost_median / *boost, 1, 1.1e-4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ReferenceRule, testing::Values("smollm2", "gemma3", "qwen25coder"));

}  // namespace
}  // namespace sinkscope
