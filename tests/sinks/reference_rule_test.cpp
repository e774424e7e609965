#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "reference_data.h"
#include "sinks/detection.h"

namespace sinkscope {
namespace {

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
