#include "report/text/diff_terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "base/display_text.h"
#include "base/words.h"
#include "report/text/table.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr std::int64_t kEnoughForSpread = 20;  // sinks

std::string layers_of(const std::optional<Run>& run) {
  return run ? fmt::format("{}-{}", run->l_start, run->l_end) : kNotMeasured;
}
std::string kind_of(const SinkChange& sink) {
  if (!sink.before || !sink.after) return std::string(name_of((sink.before ? sink.before : sink.after)->kind));
  if (!sink.other_kind) return std::string(name_of(sink.before->kind));
  return fmt::format("{} -> {}", name_of(sink.before->kind), name_of(sink.after->kind));
}
std::string figure_of(const std::optional<Run>& run, std::optional<float> Run::* member) {
  return run && (*run).*member ? in_digits(*((*run).*member)) : kNotMeasured;
}

void write_models(const ComparedScans& scans, const Paint& paint, std::ostream& out) {
  for (const auto& [name, model] : {std::pair("before", &scans.before), std::pair("after", &scans.after)}) {
    out << paint.dim(fmt::format("{:<8}", name)) << paint.bold(displayable(model->facts.name)) << ", "
        << displayable(model->facts.type) << ", sha256 " << model->sha256.substr(0, 12) << '\n';
  }
  for (const OptionDifference& option : scans.options) {
    out << paint.dim("option  ") << option.name << ": " << displayable(option.expected) << " -> "
        << displayable(option.got) << '\n';
  }
}

// far boost of far_boost_median
std::string shown_name(std::string_view name) {
  for (const std::string_view end : {"_median", "_mean"}) {
    if (name.ends_with(end)) name.remove_suffix(end.size());
  }
  std::string shown(name);
  std::ranges::replace(shown, '_', ' ');
  return shown;
}

std::string change_in_words(const FigureChange& figure) {
  if (figure.n == 0) return "not measured";
  const auto value = [&](const std::optional<double>& of) {
    return figure.is_ratio ? "x " + in_digits(of) : signed_fixed(*of, 3);
  };
  std::string words = fmt::format("{}, median of {}", value(figure.median), counted(figure.n, "sink"));
  if (figure.n >= kEnoughForSpread) words += fmt::format("; {} to {} in nine of ten", value(figure.p05), value(figure.p95));
  if (const auto& interval = figure.median_interval_95) {
    words += fmt::format("; 95 % {} to {}", value(interval->low), value(interval->high));
  }
  return words;
}

void write_totals(const ComparedScans& scans, const TerminalStyle& style, std::ostream& out) {
  const Comparison& all = scans.comparison;
  const auto line = [&](const std::string& label, const std::string& text) {
    out << wrapped(fmt::format("  {:<14}", label), text, style.width);
  };
  out << '\n' << counted(all.n_documents, "text") << " in both";
  if (scans.only_before > 0) out << fmt::format(", {} before only", scans.only_before);
  if (scans.only_after > 0) out << fmt::format(", {} after only", scans.only_after);
  out << '\n';
  line("sinks", fmt::format("{} before, {} after: {} kept, {} moved, {} lost, {} gained", grouped(all.n_before),
                            grouped(all.n_after), all.n_kept, all.n_moved, all.n_lost, all.n_gained));
  if (all.n_lost + all.n_gained > 0) {
    line("", fmt::format("of those lost or gained {} met a threshold by less than {:.0f} %", all.n_marginal,
                         100 * kMarginalMargin));
  }
  if (all.n_other_kind > 0) line("", fmt::format("{} of another kind", all.n_other_kind));
  if (all.jaccard) {
    line("jaccard", fmt::format("{:.3f} of the tokens that are sinks in either are sinks in both; {}", *all.jaccard,
                                all.jaccard_interval_95
                                    ? fmt::format("95 % {:.3f} to {:.3f}, over {}", all.jaccard_interval_95->low,
                                                  all.jaccard_interval_95->high, counted(all.n_with_sinks, "text"))
                                    : fmt::format("no interval: {} with sinks, {} needed",
                                                  counted(all.n_with_sinks, "text"), kEnoughCompared)));
  } else {
    line("jaccard", "not defined: no sinks beside the primary in either");
  }
  line("primary", fmt::format("another token in {}, born in another layer in {}", counted(all.n_other_primary, "text"),
                              counted(all.n_other_birth, "text")));
  for (const FigureChange& figure : all.figures) line(shown_name(figure.name), change_in_words(figure));
}

void write_changed(const ComparedScans& scans, const TerminalStyle& style, std::ostream& out) {
  const Paint paint(style);
  Table table({{"", "text", false, 9},
               {"", "position", true, 10},
               {"", "token", false, 8},
               {"", "", false, 10},
               {"", "kind", false, 7},
               {"layers", "before", true, 9},
               {"layers", "after", true, 9},
               {"far boost", "before", true, 6},
               {"far boost", "after", true, 6},
               {"norm ratio", "before", true, 4},
               {"norm ratio", "after", true, 4},
               {"", "margin", true, 5}});
  std::size_t shown = 0, all = 0;
  for (const ComparedDocument& document : scans.documents) {
    for (std::size_t i = 0; i < document.changes.sinks.size(); ++i) {
      const SinkChange& sink = document.changes.sinks[i];
      if (sink.fate == SinkFate::kKept && !sink.other_kind) continue;
      ++all;
      if (style.max_rows != 0 && shown == static_cast<std::size_t>(style.max_rows)) continue;
      ++shown;
      const bool one_sided = !sink.before || !sink.after;
      const auto margin = one_sided ? (sink.before ? sink.before : sink.after)->margin : std::nullopt;
      table.add({clip_end(displayable(document.id), 24), std::to_string(sink.position + document.document_offset),
                 clip_end(displayable(document.tokens[i]), 12), std::string(name_of(sink.fate)), kind_of(sink),
                 layers_of(sink.before), layers_of(sink.after), figure_of(sink.before, &Run::far_boost_median),
                 figure_of(sink.after, &Run::far_boost_median), figure_of(sink.before, &Run::norm_ratio_median),
                 figure_of(sink.after, &Run::norm_ratio_median),
                 margin ? fmt::format("{:.2f}{}", *margin, sink.marginal ? "?" : " ") : kNotMeasured});
    }
  }
  if (shown == 0) return;
  out << '\n';
  table.fit(style.width - 2);
  table.write("  ", paint, out);
  if (shown < all) out << wrapped("  ", fmt::format("... and {} more; --json has every one", all - shown), style.width);
  out << wrapped("  ", "margin: by how much of it the nearest threshold is met where it is a sink; ?: under a tenth",
                 style.width);
}

}  // namespace

void write_diff_terminal(const ComparedScans& scans, const TerminalStyle& style, std::ostream& out) {
  write_models(scans, Paint(style), out);
  write_totals(scans, style, out);
  write_changed(scans, style, out);
}

}  // namespace sinkscope
