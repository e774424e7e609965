#include "report/text/validation_text.h"

#include <fmt/format.h>

#include <ostream>

#include "base/display_text.h"
#include "base/words.h"
#include "report/text/table.h"

namespace sinkscope {
namespace {

std::string shown(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : kNotMeasured;
}

std::string of(int part, int whole) { return fmt::format("{}/{}", part, whole); }

void write_total(const char* what, const Validation::Total& total, std::ostream& out) {
  out << fmt::format("{}: {} of {} places found, recall {}; l_start exact in {}; {} secondary\n", what, total.found,
                     total.places, shown(total.recall, 3), shown(total.exact_frac, 3), total.secondary);
}

void write_primary(const PrimaryChange& primary, std::ostream& out) {
  out << fmt::format("primary in block {}: score {:.3f}, unplanted {:.3f}: a fall by {:.0f} %", primary.block,
                     primary.score, primary.base_score, 100 * primary.fall_frac());
  if (primary.logit && primary.base_logit) {
    out << fmt::format("; its own logit {}, unplanted {}", signed_fixed(*primary.logit, 2), signed_fixed(*primary.base_logit, 2));
  }
  out << '\n';
}

std::string kinds_of(const ControlRow& row) {
  std::string kinds;
  for (const auto& [kind, count] : row.kinds) kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count, kind);
  return kinds.empty() ? kNotMeasured : kinds;
}

void write_controls(const ControlTable& controls, const TerminalStyle& style, std::ostream& out) {
  Table table({{"", "direction", false, 9},
               {"", "models", true, 2},
               {"far boost", "median", true, 8},
               {"", "5 %", true, 3},
               {"", "95 %", true, 4},
               {"primary's", "score", true, 7},
               {"", "reported as", false, 6}});
  for (const ControlRow& row : controls.rows) {
    const auto boost = row.far_boost;
    table.add({row.direction, std::to_string(row.n_models),
               shown(boost ? std::optional(boost->median) : std::nullopt, 2),
               shown(boost ? std::optional(boost->p05) : std::nullopt, 2),
               shown(boost ? std::optional(boost->p95) : std::nullopt, 2), shown(row.primary_score, 3),
               row.unreachable.empty() ? kinds_of(row) : "out of the post-norm's reach"});
  }
  out << "\nThe same places and norms, other directions:\n\n";
  table.fit(style.width);
  table.write("  ", Paint(style), out);
  if (controls.axis_beats_orthogonal) {
    out << fmt::format("\nThe axis lies {} the 95th percentile of the orthogonal directions.\n",
                       *controls.axis_beats_orthogonal ? "above" : "below");
  }
}

void write_grid(const ThresholdGrid& grid, const TerminalStyle& style, std::ostream& out) {
  out << "\nEach figure, and the weakest of several, as multiples of the thresholds: the chance that a planted place\n"
         "shows more than another token of the texts, and than the same place in the controls that are no sinks:\n\n";
  Table figures({{"", "figures", false, 3},
                 {"", "planted", true, 1},
                 {"", "others", true, 1},
                 {"", "AUC", true, 3},
                 {"", "controls", true, 1},
                 {"", "AUC", true, 3}});
  for (const FigureAuc& figure : grid.figures) {
    figures.add({figure.name(), std::to_string(figure.planted), std::to_string(figure.others),
                 shown(figure.auc_others, 4), std::to_string(figure.controls), shown(figure.auc_controls, 4)});
  }
  figures.fit(style.width);
  figures.write("  ", Paint(style), out);
  out << "\nThe rule under other thresholds. Of controls: places reported where the direction is no sink. Unplanted: "
         "false\n"
         "reports, and the most in a tenth of the text:\n\n";
  Table rows({{"", "alignment", false, 9},
              {"", "at least", true, 9},
              {"norm", "ratio", true, 8},
              {"far", "boost", true, 8},
              {"", "recall", true, 7},
              {"", "precision", true, 7},
              {"l_start", "exact", true, 4},
              {"controls", "reported", true, 6},
              {"unplanted", "reported", true, 5},
              {"worst", "decile", true, 6}});
  int ordinary = 0;
  for (const int tokens : grid.ordinary) ordinary += tokens;
  for (const GridRow& row : grid.rows) {
    const Tally controls = row.no_sinks();
    int reports = 0;
    for (const int some : row.false_reports) reports += some;
    rows.add({row.alignment, fmt::format("{:.2f}", row.min_alignment), fmt::format("{:.0f}", row.min_norm_ratio),
              fmt::format("{:.0f}", row.min_far_boost), shown(row.recall(), 3), shown(row.precision(), 3),
              shown(row.exact_frac(), 3), controls.places == 0 ? kNotMeasured : of(controls.reported, controls.places),
              ordinary == 0 ? kNotMeasured : of(reports, ordinary),
              ordinary == 0 ? kNotMeasured : fmt::format("{:.2f} %", 100 * grid.worst_decile_frac(row))});
  }
  rows.fit(style.width);
  rows.write("  ", Paint(style), out);
}

}  // namespace

void write_validation(const Validation& validation, const ControlTable* controls, const ThresholdGrid* grid,
                      const TerminalStyle& style, std::ostream& out) {
  Table table({{"", "token", false, 9},
               {"", "layer", true, 9},
               {"", "norm", true, 8},
               {"norm", "ratio", true, 5},
               {"", "found", true, 9},
               {"l_start", "exact", true, 7},
               {"", "secondary", true, 6},
               {"controls", "reported", true, 2},
               {"lifetime", "error", true, 3},
               {"attention", "lifetime", true, 4},
               {"far", "boost", true, 4},
               {"logit", "gap", true, 4}});
  for (const SinkScore& score : validation.sinks) {
    table.add({clip_end(displayable(score.truth.token_text), 16), std::to_string(score.truth.layer),
               fmt::format("{:.5g}", score.truth.norm), shown(score.norm_ratio, 1), of(score.found, score.places),
               of(score.exact, score.found), of(score.secondary, score.found),
               score.controls == 0 ? kNotMeasured : of(score.controls_reported, score.controls),
               shown(score.lifetime_error, 1), shown(score.attention_lifetime, 1), shown(score.far_boost, 1),
               shown(score.logit_gap, 2)});
  }
  table.fit(style.width);
  table.write("  ", Paint(style), out);
  out << '\n';
  write_total("all places", validation.all, out);
  write_total(fmt::format("{:.0f} x the median norm written", kStrongRatio).c_str(), validation.strong, out);
  const int elsewhere = validation.reported - validation.correct - validation.spilled;
  out << fmt::format(
      "reported {}: {} at planted places, {} at other words that the neuron takes for its own, {} elsewhere: "
      "precision {}; {} of the model's own beside them\n",
      validation.reported, validation.correct, validation.spilled, elsewhere, shown(validation.precision, 3),
      validation.natural);
  out << fmt::format("rank correlation of norm with logit gap {}, with attention lifetime {}\n",
                     shown(validation.spearman_logit_gap, 3), shown(validation.spearman_attention_lifetime, 3));
  if (validation.primary) write_primary(*validation.primary, out);
  if (controls != nullptr) write_controls(*controls, style, out);
  if (grid != nullptr) write_grid(*grid, style, out);
}

void write_planted(const PlantTruth& truth, const TerminalStyle& style, std::ostream& out) {
  if (truth.sinks.empty()) return;
  Table table({{"", "token", false, 9},
               {"", "layer", true, 9},
               {"", "neuron", true, 3},
               {"norm", "asked", true, 9},
               {"", "measured", true, 9},
               {"", "5 %", true, 4},
               {"", "95 %", true, 4},
               {"others", "95 %", true, 5},
               {"found on the", "calibration", true, 7},
               {"", "reachable", true, 2}});
  for (const PlantedSink& sink : truth.sinks) {
    const auto norm = sink.norm_measured;
    table.add({clip_end(displayable(sink.token_text), 16), std::to_string(sink.layer), std::to_string(sink.neuron),
               fmt::format("{:.5g}", sink.norm), norm ? fmt::format("{:.5g}", norm->median) : kNotMeasured,
               norm ? fmt::format("{:.5g}", norm->p05) : kNotMeasured,
               norm ? fmt::format("{:.5g}", norm->p95) : kNotMeasured,
               sink.others_added ? fmt::format("{:.3g}", sink.others_added->p95) : kNotMeasured,
               of(sink.found, sink.scored), sink.reachable ? fmt::format("{:.5g}", *sink.reachable) : kNotMeasured});
  }
  table.fit(style.width);
  table.write("  ", Paint(style), out);
}

}  // namespace sinkscope
