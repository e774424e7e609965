#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/statistics.h"
#include "report/counts.h"
#include "report/figure/drawings.h"
#include "report/figure/svg.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMostLines = 60;

using Line = std::vector<float>;  // [n_layers], NaN where not measured

struct Lines {
  SinkKind kind = SinkKind::kPrimary;
  std::vector<Line> lines;
  Line median;
};

float median(std::vector<float> values) {
  std::erase_if(values, [](float value) { return std::isnan(value); });
  if (values.empty()) return std::nanf("");
  return median_of(values);
}

Line part_of(const NamedFigures& figures, std::size_t row, int n_layers) {
  const auto begin = figures.values.begin() + static_cast<std::ptrdiff_t>(row) * n_layers;
  return {begin, begin + n_layers};
}

std::vector<Lines> lines_of(const DrawnDocument& drawn, const LayerData& data, const NamedFigures* rows) {
  std::vector<Lines> all;
  if (rows == nullptr) return all;
  const std::vector<DrawnSink> sinks = drawn_sinks(drawn.detection);
  for (const SinkKind kind : kAllKinds) {
    Lines lines{kind, {}, {}};
    for (std::size_t row = 0; row < data.positions.size(); ++row) {
      const auto sink = std::ranges::find(sinks, data.positions[row], &DrawnSink::position);
      if (sink != sinks.end() && sink->kind == kind) lines.lines.push_back(part_of(*rows, row, data.n_layers));
    }
    if (lines.lines.empty()) continue;
    for (std::size_t l = 0; l < static_cast<std::size_t>(data.n_layers); ++l) {
      std::vector<float> at;
      for (const Line& line : lines.lines) at.push_back(line[l]);
      lines.median.push_back(median(std::move(at)));
    }
    all.push_back(std::move(lines));
  }
  return all;
}

class NormDrawing {
 public:
  NormDrawing(const DrawnDocument& drawn, const LayerData& data, const std::string& norm)
      : drawn_(drawn), data_(data), lines_(lines_of(drawn, data, data.row(norm))) {
    if (const NamedFigures* quantiles = data.quantile(norm)) {
      for (std::size_t q = 0; q < kQuantiles.size(); ++q) quantiles_.push_back(part_of(*quantiles, q, data.n_layers));
      ordinary_ = quantiles_[2];
    } else if (norm == "hidden_norm") {
      ordinary_ = data.ordinary_norm;
    }
  }

  std::string draw(const std::string& title) {
    const auto [low, high] = range();
    const double width = drawn_.options.width;
    const bool narrow = width < 520;
    const Frame frame{width, narrow ? 340.0 : 360.0, 62, 14, narrow ? 52.0 : 32.0, 42};
    Svg svg(frame, theme_of(drawn_.options.dark), title + ": norms by layer");
    x_ = linear_axis(0, std::max(1, data_.n_layers - 1), frame.left + 6, frame.width - frame.right - 6);
    y_ = logarithmic_axis(low / 1.15, high * 1.15, frame.height - frame.bottom, frame.top);
    svg.left_axis(y_, "norm", y_.ticks, true);
    svg.bottom_axis(x_, layer_ticks(data_.n_layers, width < 520 ? 6 : 14), "layer");
    const Theme& theme = svg.theme();
    if (!quantiles_.empty()) {
      band(svg, quantiles_[0], quantiles_[4], 0.13);
      band(svg, quantiles_[1], quantiles_[3], 0.22);
    }
    const std::string thin = "fill=\"none\" stroke-linejoin=\"round\" ";
    if (!ordinary_.empty())
      svg.path(line(ordinary_), fmt::format("{}stroke=\"{}\" stroke-width=\"1.5\"", thin, theme.muted));
    for (auto lines = lines_.rbegin(); lines != lines_.rend(); ++lines) {
      const std::string stroke = fmt::format("{}stroke=\"{}\" ", thin, theme.of(lines->kind));
      for (std::size_t i = 0; lines->lines.size() > 1 && i < std::min(kMostLines, lines->lines.size()); ++i) {
        svg.path(line(lines->lines[i]), stroke + "opacity=\"0.35\"");
      }
      svg.path(line(lines->median), fmt::format("{}stroke-width=\"2.5\"{}", stroke, dashes(lines->kind)));
    }
    legend(svg);
    return svg.finish();
  }

 private:
  static std::string dashes(SinkKind kind) {
    switch (kind) {
      case SinkKind::kPrimary:
        return "";
      case SinkKind::kPrimaryLike:
        return " stroke-dasharray=\"12 3 3 3\"";
      case SinkKind::kSecondary:
        return " stroke-dasharray=\"7 3\"";
      case SinkKind::kUnaligned:
        return " stroke-dasharray=\"2 3\"";
    }
    return "";
  }

  std::pair<double, double> range() const {
    std::optional<double> low, high;
    const auto see = [&](const Line& line) {
      for (const float value : line) {
        if (!(value > 0)) continue;
        low = std::min<double>(low.value_or(value), value);
        high = std::max<double>(high.value_or(value), value);
      }
    };
    for (const Line& quantile : quantiles_) see(quantile);
    see(ordinary_);
    for (const Lines& lines : lines_) std::ranges::for_each(lines.lines, see);
    if (!low) {
      throw Error(ErrorCode::kInput,
                  "norms: expected a results file that keeps profiles, got one that keeps none of these norms; scan "
                  "again with --keep profiles into a new file");
    }
    return {*low, *high};
  }

  // A path through the values that were measured; gaps stay gaps.
  std::string line(const Line& values) const {
    std::string path;
    bool pen = false;
    for (std::size_t l = 0; l < values.size(); ++l) {
      if (!(values[l] > 0)) {
        pen = false;
        continue;
      }
      path += fmt::format("{}{:.1f},{:.1f}", pen ? "L" : "M", x_.at(static_cast<double>(l)), y_.at(values[l]));
      pen = true;
    }
    return path;
  }

  void band(Svg& svg, const Line& low, const Line& high, double opacity) const {
    std::string up, down;
    for (std::size_t l = 0; l < low.size(); ++l) {
      if (!(low[l] > 0) || !(high[l] > 0)) continue;
      const double x = x_.at(static_cast<double>(l));
      up += fmt::format("{}{:.1f},{:.1f}", up.empty() ? "M" : "L", x, y_.at(high[l]));
      down = fmt::format("L{:.1f},{:.1f}", x, y_.at(low[l])) + down;
    }
    if (up.empty()) return;
    svg.path(up + down + "Z", fmt::format("fill=\"{}\" fill-opacity=\"{}\"", svg.theme().muted, opacity));
  }

  void legend(Svg& svg) const {
    double x = svg.frame().left, y = 12;
    const auto entry = [&](std::string_view name, const std::string& stroke) {
      const double room = 52 + 7 * static_cast<double>(name.size());
      if (x + room > svg.frame().width && x > svg.frame().left) {
        x = svg.frame().left;
        y += 20;
      }
      svg.path(fmt::format("M{},{}H{}", place(x), place(y), place(x + 26)),
               "fill=\"none\" stroke-linejoin=\"round\" " + stroke);
      svg.text(x + 32, y + 4, name, fmt::format("fill=\"{}\"", svg.theme().ink));
      x += room;
    };
    for (const Lines& lines : lines_) {
      entry(drawn_.kind_name(lines.kind),
            fmt::format("stroke=\"{}\" stroke-width=\"2.5\"{}", svg.theme().of(lines.kind), dashes(lines.kind)));
    }
    if (!ordinary_.empty()) entry("other tokens", fmt::format("stroke=\"{}\" stroke-width=\"1.5\"", svg.theme().muted));
  }

  const DrawnDocument& drawn_;
  const LayerData& data_;
  std::vector<Lines> lines_;
  std::vector<Line> quantiles_;
  Line ordinary_;
  Axis x_, y_;
};

}  // namespace

std::string draw_norms(const DrawnDocument& drawn) {
  struct Norm {
    const char *id, *title;
  };
  constexpr std::array kNorms = {Norm{"hidden_norm", "Hidden states"}, Norm{"key_norm", "Keys"},
                                 Norm{"value_norm", "Values"}};
  const std::string wanted = drawn.options.quantity.empty() ? kNorms[0].id : drawn.options.quantity;
  const auto norm = std::ranges::find(kNorms, wanted, &Norm::id);
  if (norm == kNorms.end()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--quantity: of norms expected hidden_norm, key_norm or value_norm, got '{}'", wanted));
  }
  const LayerData data = layer_data(*drawn.scan.file, drawn.document, drawn.detection, false);
  return NormDrawing(drawn, data, wanted).draw(norm->title);
}

}  // namespace sinkscope
