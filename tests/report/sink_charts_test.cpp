// Charts of what a scan alone measured: what MLPs add, and norm against attention and lifetime. Values by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/strength_chart.h"
#include "report/writes_chart.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<std::string> names_of(const ChartPanel& panel) {
  std::vector<std::string> names;
  for (const ChartSeries& series : panel.series) names.push_back(series.name);
  return names;
}

Run sink_at(int position, SinkKind kind) {
  Run run;
  run.position = position;
  run.kind = kind;
  run.verdict = Verdict::kSink;
  return run;
}

// A primary at 0, secondary sinks at 7, 9 and 12, in two layers.
LayerData written_layers() {
  LayerData data;
  data.n_layers = 2;
  data.positions = {0, 7, 9, 12};
  data.rows = {{"mlp_write_norm", {1, 500, 2, 90, 4, 70, kNan, 80}},
               {"mlp_write_alignment", {kNan, kNan, kNan, 0.9F, kNan, 0.7F, kNan, kNan}}};
  data.quantiles = {{"mlp_write_norm", {1, 2, 3, 4, 5, 6, 7, 8, 9, kNan}}};
  return data;
}

Detection detection_of(const LayerData& data) {
  Detection detection;
  detection.primary.emplace().set = {0};
  for (const int position : data.positions) {
    if (position > 0) detection.runs.push_back(sink_at(position, SinkKind::kSecondary));
  }
  // Another run of the same token decides, as its kind is the first; one that is no sink does not.
  detection.runs.push_back(sink_at(7, SinkKind::kPrimaryLike));
  detection.runs.push_back(sink_at(5, SinkKind::kPrimaryLike));
  detection.runs.back().verdict = Verdict::kTransient;
  return detection;
}

TEST(WritesChart, HasMediansOfKindsBesideOtherTokens) {
  const LayerData data = written_layers();
  const Chart chart = writes_chart(data, detection_of(data), Rule::kEvidence);
  ASSERT_THAT(chart.panels, SizeIs(2));
  const ChartPanel& norms = chart.panels[0];
  EXPECT_TRUE(norms.y.logarithmic);
  EXPECT_THAT(names_of(norms), ElementsAre("other tokens, 5 to 95 %", "their median", "primary", "primary-like", "secondary: median of 2"));
  EXPECT_THAT(norms.series[0].low, ElementsAre(Optional(1.0), Optional(2.0)));
  EXPECT_THAT(norms.series[0].y, ElementsAre(Optional(9.0), std::optional<double>()));  // not measured stays so
  EXPECT_THAT(norms.series[1].y, ElementsAre(Optional(5.0), Optional(6.0)));
  EXPECT_THAT(norms.series[2].y, ElementsAre(Optional(1.0), Optional(500.0)));
  EXPECT_THAT(norms.series[3].y, ElementsAre(Optional(2.0), Optional(90.0)));  // of two runs the first kind
  EXPECT_THAT(norms.series[4].y, ElementsAre(Optional(4.0), Optional(75.0)));  // medians of 4 and of 70, 80
  const ChartPanel& cosines = chart.panels[1];  // no profiles of it; the primary's is not measured
  ASSERT_THAT(names_of(cosines), ElementsAre("primary-like", "secondary: median of 2"));
  EXPECT_THAT(cosines.series[0].y, ElementsAre(std::optional<double>(), Optional(testing::DoubleNear(0.9, 1e-6))));
  EXPECT_THAT(cosines.series[1].y, ElementsAre(std::optional<double>(), Optional(testing::DoubleNear(0.7, 1e-6))));
}

TEST(WritesChart, IsEmptyWhereNothingWasMeasured) {
  LayerData data = written_layers();
  for (NamedFigures& rows : data.rows) rows.values.assign(rows.values.size(), kNan);
  EXPECT_THAT(writes_chart(data, detection_of(data), Rule::kEvidence).panels, IsEmpty());
}

CorpusSink corpus_sink(SinkKind kind, int position, int l_start, int l_end, float norm_ratio, float far_boost) {
  CorpusSink sink;
  sink.kind = kind;
  sink.position = position;
  sink.l_start = l_start;
  sink.l_end = l_end;
  sink.norm_ratio = norm_ratio;
  sink.far_boost = far_boost;
  return sink;
}

TEST(StrengthChart, HasAPointForEachSink) {
  SinkCorpus corpus;
  corpus.documents.resize(2);
  corpus.documents[0].sinks = {corpus_sink(SinkKind::kSecondary, 5, 4, 9, 12, 30)};
  corpus.documents[1].sinks = {corpus_sink(SinkKind::kSecondary, 8, 4, 6, 7, 11),
                               corpus_sink(SinkKind::kPrimaryLike, 9, 1, 11, 40, 90)};
  corpus.documents[1].sinks[1].censored = true;
  CorpusSink unknown = corpus_sink(SinkKind::kUnaligned, 3, 2, 3, 1, 1);
  unknown.norm_ratio.reset();
  corpus.documents[1].sinks.push_back(unknown);
  const Chart chart = strength_chart(corpus, Rule::kEvidence);
  ASSERT_THAT(chart.panels, SizeIs(2));
  const ChartPanel& attention = chart.panels[0];
  ASSERT_THAT(names_of(attention), ElementsAre("primary-like", "secondary"));
  EXPECT_THAT(attention.series[1].x, ElementsAre(12, 7));
  EXPECT_THAT(attention.series[1].y, ElementsAre(Optional(30.0), Optional(11.0)));
  EXPECT_THAT(attention.series[1].says[1], HasSubstr("text 1, position 8, from layer 4: norm ratio 7"));
  EXPECT_LT(attention.x.low, 7);
  EXPECT_GT(attention.x.high, 40);
  const ChartPanel& lifetimes = chart.panels[1];
  EXPECT_THAT(lifetimes.series[1].y, ElementsAre(Optional(6.0), Optional(3.0)));
  EXPECT_THAT(lifetimes.series[0].says[0], HasSubstr("11 layers or more"));
}

TEST(StrengthChart, DrawsSomeOfVeryMany) {
  SinkCorpus corpus;
  corpus.documents.resize(1);
  for (int i = 0; i < 5000; ++i) {
    corpus.documents[0].sinks.push_back(corpus_sink(SinkKind::kSecondary, i, 4, 9, 5 + static_cast<float>(i), 30));
  }
  const Chart chart = strength_chart(corpus, Rule::kEvidence);
  const ChartSeries& points = chart.panels.at(0).series.at(0);
  ASSERT_THAT(points.x, SizeIs(kMostPoints));
  EXPECT_EQ(points.x.front(), 5);
  EXPECT_GT(points.x.back(), 5000);
  EXPECT_THAT(chart.question, HasSubstr("2,000 of 5,000 sinks"));
}

TEST(StrengthChart, IsEmptyWithoutNorms) { EXPECT_THAT(strength_chart({}, Rule::kEvidence).panels, IsEmpty()); }

}  // namespace
}  // namespace sinkscope
