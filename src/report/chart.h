#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sinkscope {

// A drawing of one or several panels, one below the other, as page and `plot` draw it: all that they decide alone is
// its width. Every number that is drawn is in it, so a table of it is the figure's data.

struct ChartAxis {
  std::string title;
  double low = 0, high = 1;
  bool logarithmic = false;
  int n_layers = 0;                // > 0: layers from 0 on
  std::vector<std::string> names;  // of the places 0, 1, ...; empty: numbers
};

enum class ChartForm { kLine, kBand, kPoints, kBars };
std::string_view name_of(ChartForm form);  // "line", "band", "points", "bars"

// What a colour stands for, beside the kinds of sinks: primary, primary_like, secondary, unaligned.
inline constexpr std::string_view kOtherRole = "other";
inline constexpr std::string_view kLearnedRole = "learned";  // logits that take attention and are no token

struct ChartSeries {
  std::string name;  // in the legend; empty: not there
  ChartForm form = ChartForm::kLine;
  std::string_view role;  // its colour
  std::vector<double> x;
  std::vector<std::optional<double>> y;    // [x.size()] of a band: its upper edge
  std::vector<std::optional<double>> low;  // [x.size()] of a band
  std::vector<std::string> says;           // what a pointer is told; empty, or [x.size()]

  void add(double at, std::optional<double> value, std::string text = {});
  void add_band(double at, std::optional<double> lower, std::optional<double> upper);
};

struct ChartPanel {
  std::string title;
  ChartAxis x, y;
  std::vector<ChartSeries> series;
};

struct Chart {
  std::string id;  // a name of `plot --figure`
  std::string title, question;
  std::vector<ChartPanel> panels;  // none: nothing of it was measured
};

ChartSeries series_of(std::string name, ChartForm form, std::string_view role);
// A panel over all layers.
ChartPanel layer_panel(std::string title, std::string y_title, int n_layers, std::string x_title = "layer");
// A panel over names, one place each.
ChartPanel named_panel(std::string title, std::string y_title, std::vector<std::string> names);

// The axis over all that the panel's series have on it, with a margin; from 0 on where bars stand on it.
void fit_y(ChartPanel& panel);
void fit_x(ChartPanel& panel);

}  // namespace sinkscope
