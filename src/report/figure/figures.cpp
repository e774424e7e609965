#include "report/figure/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <vector>

#include "base/error.h"
#include "report/attention_chart.h"
#include "report/effects_chart.h"
#include "report/explain_charts.h"
#include "report/figure/drawings.h"
#include "report/figure/raster.h"
#include "report/findings.h"
#include "report/judged.h"
#include "report/strength_chart.h"
#include "report/words.h"
#include "report/writes_chart.h"
#include "sinks/attention_shares.h"

namespace sinkscope {
namespace {

constexpr std::array kOwnFigures = {
    FigureName{"lives", "the layers in which each sink of a document lasts"},
    FigureName{"map", "a quantity over all layers and tokens of a document; needs profiles"},
    FigureName{"rows", "the same for the primary and the sinks alone"},
    FigureName{"heads", "which heads attend to the primary or a sink (--token); needs a scan with --keep heads"},
    FigureName{"norms", "norms by layer of the primary, the sinks and all other tokens"},
    FigureName{"attention", "the share of attention that the primary, the sinks and all other tokens take, by block"},
    FigureName{"levels", "sinks of all documents by first layer and lifetime, with their levels"},
};

std::vector<FigureName> all_figures() {
  std::vector<FigureName> all(kOwnFigures.begin(), kOwnFigures.end());
  for (const ExplainChart& chart : explain_charts()) all.push_back({chart.id, chart.what});
  all.push_back({kWritesFigure, kWritesFigureSays});
  all.push_back({kStrengthFigure, kStrengthFigureSays});
  all.push_back({kEffectsFigure, kEffectsFigureSays});
  return all;
}

std::string draw_explained(const NamedScan& scan, const FigureOptions& options) {
  const auto explained = explained_of(*scan.file, options.report.thresholds);
  if (!explained) {
    throw Error(ErrorCode::kInput,
                fmt::format("{}: expected a file that `sinkscope explain` has been run on, got one that it has not",
                            options.figure));
  }
  const Chart chart = explain_chart(options.figure, *scan.file, *explained);
  if (chart.panels.empty()) {
    throw Error(
        ErrorCode::kInput,
        fmt::format("{}: nothing of it was measured; `sinkscope show` says what was explained", options.figure));
  }
  return draw_chart(chart, options.width, options.dark);
}

std::string draw_effects(const NamedScan& scan, const FigureOptions& options) {
  const ShownEffects effects = shown_effects(*scan.file);
  if (!effects.any()) {
    throw Error(ErrorCode::kInput,
                "effects: expected a file that `sinkscope ablate` or `sinkscope protect` has been run on, got one that "
                "neither has");
  }
  const Chart chart = effects_chart(effects, scan.file->model().facts.n_layers);
  if (chart.panels.empty()) {
    throw Error(ErrorCode::kInput, "effects: nothing was measured; longer texts have more queries");
  }
  return draw_chart(chart, options.width, options.dark);
}

std::string draw_attention(const DrawnDocument& drawn) {
  const Chart chart = attention_chart(attention_shares(drawn.document.figures, drawn.detection),
                                      rule_of(*drawn.scan.file, drawn.options.report));
  if (chart.panels.empty()) {
    throw Error(ErrorCode::kInput, "attention: expected a document with a primary and attention, got one without");
  }
  return draw_chart(chart, drawn.options.width, drawn.options.dark);
}

std::string draw_writes(const DrawnDocument& drawn) {
  const LayerData data = layer_data(*drawn.scan.file, drawn.document, drawn.detection, false);
  const Chart chart = writes_chart(data, drawn.detection, rule_of(*drawn.scan.file, drawn.options.report));
  if (chart.panels.empty()) {
    throw Error(ErrorCode::kInput,
                "writes: expected a document with a primary and a network that shows what its MLPs add, got none");
  }
  return draw_chart(chart, drawn.options.width, drawn.options.dark);
}

std::string draw_strength(const NamedScan& scan, const FigureOptions& options) {
  const Chart chart = strength_chart(corpus_of(*scan.file, options.report), rule_of(*scan.file, options.report));
  if (chart.panels.empty()) {
    throw Error(ErrorCode::kInput, "strength: expected sinks beside the primary whose norms are known, got none");
  }
  return draw_chart(chart, options.width, options.dark);
}

std::string draw(const NamedScan& scan, const FigureOptions& options) {
  if (std::ranges::find(explain_charts(), options.figure, &ExplainChart::id) != explain_charts().end()) {
    return draw_explained(scan, options);
  }
  if (options.figure == kEffectsFigure) return draw_effects(scan, options);
  if (options.figure == kStrengthFigure) return draw_strength(scan, options);
  if (options.figure == "levels") return draw_levels(scan, options);
  StoredDocument document = scan.file->document(options.document);
  Detection detection = judge_document(*scan.file, document, options.report).shown();
  const DrawnDocument drawn{scan, options, std::move(document), std::move(detection)};
  if (options.figure == "lives") return draw_lives(drawn);
  if (options.figure == "map") return draw_map(drawn);
  if (options.figure == "rows") return draw_rows(drawn);
  if (options.figure == "heads") return draw_heads(drawn);
  if (options.figure == "norms") return draw_norms(drawn);
  if (options.figure == "attention") return draw_attention(drawn);
  if (options.figure == kWritesFigure) return draw_writes(drawn);
  std::string names;
  for (const FigureName& figure : figures()) names += fmt::format("{}{}", names.empty() ? "" : ", ", figure.name);
  throw Error(ErrorCode::kUsage, fmt::format("--figure: expected one of {}, got '{}'", names, options.figure));
}

}  // namespace

std::span<const FigureName> figures() {
  static const std::vector<FigureName> all = all_figures();
  return all;
}

std::string DrawnDocument::token(int position) const {
  return token_name(scan.file->token_bytes(document.tokens.at(static_cast<std::size_t>(position))));
}

std::string_view DrawnDocument::kind_name(SinkKind kind) const {
  return sinkscope::kind_name(kind, rule_of(*scan.file, options.report));
}

void write_figure(const NamedScan& scan, const FigureOptions& options, std::ostream& out) {
  check_answerable(*scan.file, options.report);
  out << draw(scan, options);
  if (!out.flush()) throw Error(ErrorCode::kOutput, "SVG: writing failed; check the free space");
}

void write_figure_png(const NamedScan& scan, const FigureOptions& options, double density, std::ostream& out) {
  check_answerable(*scan.file, options.report);
  out << png_of_svg(draw(scan, options), density);
  if (!out.flush()) throw Error(ErrorCode::kOutput, "PNG: writing failed; check the free space");
}

}  // namespace sinkscope
