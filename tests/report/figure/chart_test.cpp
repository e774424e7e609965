// Charts of explain: where marks lie, and what is drawn of a file that was explained.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "report/explain_charts.h"
#include "report/figure/drawings.h"
#include "store/explained_rows.h"
#include "tests/report/planted.h"
#include "tests/store/explained_samples.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::HasSubstr;
using testing::Not;

Chart bars_of_two() {
  Chart chart{"excess", "Two <bars>", "", {}};
  ChartPanel panel;
  panel.title = "Panel";
  panel.x = {"", -0.5, 1.5, false, 0, {"a", "b"}};
  ChartSeries bars;
  bars.form = ChartForm::kBars;
  bars.role = "secondary";
  bars.add(0, 1.0, "a: 1");
  bars.add(1, std::nullopt, "b: nothing");
  panel.series.push_back(bars);
  fit_y(panel);
  chart.panels = {panel};
  return chart;
}

TEST(Chart, BarsStandOnZero) {
  // width 600: two places over [62, 586], 262 each, of which a bar takes 0.8; heights 0 to 1.04 over [276, 28].
  const std::string svg = draw_chart(bars_of_two(), 600, false);
  EXPECT_THAT(svg,
              HasSubstr("<rect x=\"88.2\" y=\"37.54\" width=\"209.6\" height=\"238.46\" fill=\"#c84c00\"><title>a: 1"));
  EXPECT_THAT(svg, Not(HasSubstr("b: nothing")));
  EXPECT_THAT(svg, HasSubstr("Two &lt;bars&gt;"));
  EXPECT_THAT(svg, HasSubstr("width=\"600\" height=\"320\""));
}

// What has no room is wrapped or tilted, and moves the plot; what has room stays on its line.
TEST(Chart, LongTitlesAndNamesFitNarrowPictures) {
  Chart chart = bars_of_two();
  chart.panels[0].title = "KL by the tokens that it keeps; not enough: 1 document";  // 54 letters of 7 pixels
  chart.panels[0].x.names = {"primary", "a name of 24 letters ...."};               // 25 of 5.5: 138 pixels
  chart.panels[0].series[0].name = "a series with a name of fifty letters, or nearly so";
  const std::string wide = draw_chart(chart, 600, false);
  EXPECT_THAT(wide, HasSubstr(">KL by the tokens that it keeps; not enough: 1 document<"));
  EXPECT_THAT(wide, HasSubstr(">a series with a name of fifty letters, or nearly so<"));
  EXPECT_THAT(wide, Not(HasSubstr("rotate(-35")));
  const std::string narrow = draw_chart(chart, 330, false);  // 254 for the title, 36 letters
  EXPECT_THAT(narrow, HasSubstr("y=\"14\" font-weight=\"600\" fill=\"#1c2026\">KL by the tokens that it keeps; not<"));
  EXPECT_THAT(narrow, HasSubstr("y=\"30\" font-weight=\"600\" fill=\"#1c2026\">enough: 1 document<"));
  EXPECT_THAT(narrow, HasSubstr(">a series with a name of fifty<"));
  EXPECT_THAT(narrow, HasSubstr(">letters, or nearly so<"));
  // 127 pixels a name: 137.5 x sin 35 = 78.87 deeper, so names stand at 320 - 44 - 78.87 + 16.
  EXPECT_THAT(narrow, HasSubstr("y=\"213.13\" fill=\"#59616b\" text-anchor=\"end\" font-size=\"10\" transform=\"rotate(-35 125.5 213.13)\">primary<"));
}

TEST(Chart, TicksHaveAllTheirDigitsAndNoMore) {
  Chart chart = bars_of_two();
  chart.panels[0].y = {"", -0.0015, 0.0005, false, 0, {}};
  const std::string svg = draw_chart(chart, 600, false);
  for (const char* tick : {">-0.0015<", ">-0.001<", ">-0.0005<", ">0.0005<"}) {
    EXPECT_THAT(svg, HasSubstr(tick));
  }
  chart.panels[0].y = {"", 0, 0.0001, false, 0, {}};
  EXPECT_THAT(draw_chart(chart, 600, false), HasSubstr(">2e-5<"));
}

TEST(Chart, LinesKeepTheirGaps) {
  Chart chart{"norm", "", "", {}};
  ChartPanel panel;
  panel.x = {"", 0, 4, false, 0, {}};
  panel.y = {"", 0, 1, false, 0, {}};
  ChartSeries line;
  line.role = kOtherRole;
  for (int i = 0; i < 5; ++i) line.add(i, i == 2 ? std::nullopt : std::optional(0.5));
  panel.series = {line};
  chart.panels = {panel, panel};
  const std::string svg = draw_chart(chart, 602, false);  // 131.5 a step
  EXPECT_THAT(svg, HasSubstr("M62.0,141.0L193.5,141.0M456.5,141.0L588.0,141.0"));
  EXPECT_THAT(svg, HasSubstr("M62.0,461.0L193.5,461.0M456.5,461.0L588.0,461.0"));  // the second panel, 320 lower
}

TEST(Chart, AxesHoldWhatIsDrawn) {
  ChartPanel panel;
  ChartSeries line;
  line.add(1, 2.0);
  line.add(101, -3.0);
  panel.series = {line};
  fit_y(panel);
  fit_x(panel);
  EXPECT_DOUBLE_EQ(panel.y.low, -3.2);
  EXPECT_DOUBLE_EQ(panel.y.high, 2.2);
  EXPECT_DOUBLE_EQ(panel.x.low, -3);
  panel.y.logarithmic = true;  // what is not positive has no place on it
  fit_y(panel);
  EXPECT_DOUBLE_EQ(panel.y.low, 2 / 1.15);
  panel.series.clear();
  panel.y.logarithmic = false;
  fit_y(panel);
  EXPECT_LT(panel.y.low, panel.y.high);
}

// Three documents whose secondary sink was explained.
ScanFile explained_file() {
  ScanFile file = planted_file(3);
  ExplainedRows rows(file);
  rows.begin({});
  for (unsigned number = 0; number < 3; ++number) {
    const StoredDocument document = file.document(number);
    SequenceExplanation one = sequence_explanation(number, kPlantedLayers, 1);
    one.n_tokens = document.figures.n_tokens;
    one.primary.position = 0;
    one.runs[0].run.position = 100;
    one.runs[0].run.l_start = 5;
    one.runs[0].run.l_end = 8;
    rows.add(one);
  }
  LayerMap map = layer_map(5);
  map.n_sinks = 3;
  rows.set_maps(std::vector{map});
  return file;
}

TEST(ExplainCharts, AreDrawnOfWhatWasExplained) {
  const ScanFile file = explained_file();
  const auto explained = explained_of(file, {});
  ASSERT_TRUE(explained);
  ASSERT_EQ(explained->explanation.n_sinks, 3);
  for (const ExplainChart& one : explain_charts()) {
    const Chart chart = explain_chart(one.id, file, *explained);
    EXPECT_FALSE(chart.title.empty()) << one.id;
    for (const ChartPanel& panel : chart.panels) {
      EXPECT_LT(panel.x.low, panel.x.high) << one.id << ": " << panel.title;
      EXPECT_LT(panel.y.low, panel.y.high) << one.id << ": " << panel.title;
      for (const ChartSeries& series : panel.series) {
        EXPECT_EQ(series.x.size(), series.y.size()) << one.id;
        EXPECT_TRUE(series.says.empty() || series.says.size() == series.x.size()) << one.id << ": " << series.name;
        EXPECT_EQ(series.low.size(), series.form == ChartForm::kBand ? series.x.size() : 0U) << one.id;
      }
    }
  }
  const Chart excess = explain_chart("excess", file, *explained);
  ASSERT_EQ(excess.panels.size(), 2U);
  EXPECT_EQ(excess.panels[0].title, "Mean excess at the peak, secondary (3 sinks)");
  // Mean over the three of what the sample has for MLP 3.
  double mean = 0;
  for (unsigned number = 0; number < 3; ++number) {
    mean += sequence_explanation(number, kPlantedLayers, 1).runs[0].peak->excess.mlp[3] / 3;
  }
  EXPECT_NEAR(*excess.panels[0].series[0].y[3], mean, 1e-12);
  EXPECT_EQ(excess.panels[1].series[0].y[kPlantedLayers - 1], 3);  // all three say that MLP 11 is largest
  const Chart neurons = explain_chart("neurons", file, *explained);
  EXPECT_EQ(neurons.panels[0].x.names[0], "1:956");
  EXPECT_NEAR(*neurons.panels[0].series[0].y[0], 0.9, 1e-12);
  EXPECT_TRUE(explain_chart("primary", file, *explained).panels.empty());  // every text has a secondary sink
  expect_error(ErrorCode::kInternal, "unknown name", [&] { explain_chart("else", file, *explained); });
}

TEST(ExplainCharts, FiguresSayWhatIsLacking) {
  const auto draw = [](const ScanFile& file, const char* figure) {
    FigureOptions options;
    options.figure = figure;
    std::ostringstream out;
    write_figure({"x.scan.db", &file}, options, out);
    return out.str();
  };
  const ScanFile file = explained_file();
  EXPECT_THAT(draw(file, "neurons"), HasSubstr(">1:956</text>"));
  expect_error(ErrorCode::kInput, "nothing of it was measured", [&] { draw(file, "primary"); });
  expect_error(ErrorCode::kInput, "sinkscope explain", [&] { draw(planted_file(), "neurons"); });
  expect_error(ErrorCode::kUsage, "expected one of lives, map,", [&] { draw(file, "nothing"); });
}

}  // namespace
}  // namespace sinkscope
