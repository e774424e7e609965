#include "report/text/level_terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/display_text.h"
#include "base/words.h"
#include "report/file_levels.h"
#include "report/text/table.h"
#include "report/words.h"

namespace sinkscope {
namespace {

std::string rate_text(const Rate& rate) { return rate.per_1000 ? in_digits(rate.per_1000) : "-"; }

std::string interval_text(const Rate& rate) {
  if (!rate.interval) return "-";
  return fmt::format("{}-{}", in_digits(rate.interval->low), in_digits(rate.interval->high));
}

std::string figure(const std::optional<double>& value) {
  return value ? fixed(*value, 1) : "-";
}

std::string lifetime_text(const Lifetimes& lifetimes) {
  return fmt::format("{}{} ({}-{})", lifetimes.median_is_lower_bound ? ">=" : "", lifetimes.median, lifetimes.shortest,
                     lifetimes.longest);
}

std::string tokens_text(const Level& level, const FileLevels& file) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(4, level.tokens.size()); ++i) {
    const TokenCount& token = level.tokens[i];
    const std::string name = file.token_bytes
                                 ? fmt::format("'{}'", displayable(clip_token(file.token_bytes(token.token))))
                                 : fmt::format("#{}", token.token);
    text += fmt::format("{}{} {}", i > 0 ? ", " : "", name, token.count);
  }
  return text;
}

template <typename AnyLevel>
std::string end_text(const AnyLevel& level) {
  return fmt::format("{}{}", level.l_end, level.l_end_is_lower_bound ? "+" : "");
}

std::string depth_text(const Level& level, int n_layers) {
  return fmt::format("{:.2f}-{:.2f}", depth_fraction(level.l_start, n_layers), depth_fraction(level.l_end, n_layers));
}

void write_rate_line(const std::string& name, const Rate& rate, const LevelReport& report, std::ostream& out) {
  const std::string outside =
      rate.outside > 0 ? fmt::format("; and {} outside the eligible tokens", grouped(rate.outside)) : "";
  if (!rate.per_1000) {
    out << fmt::format("  {}: {}; no eligible tokens, so no rate\n", name, grouped(rate.total()));
  } else if (rate.count == 0) {
    out << fmt::format("  {}: none in {} eligible tokens, so fewer than {} per 1000{}\n", name,
                       grouped(rate.eligible_tokens), in_digits(rate.interval->high), outside);
  } else {
    out << fmt::format("  {}: {} in {}; {} per 1000 of {} eligible tokens [{}]{}\n", name, grouped(rate.count),
                       counted(rate.documents, "document"), rate_text(rate), grouped(rate.eligible_tokens),
                       rate.interval ? interval_text(rate) : "95 % interval: " + too_few(report.documents, "document"),
                       outside);
  }
}

std::string level_name(const std::vector<Level>& levels, std::size_t k) {
  return fmt::format("{}{}", k + 1, levels[k].tentative ? "?" : "");
}

// Where levels lie and how often they occur.
void write_level_table(const LevelReport& report, const TerminalStyle& style, std::ostream& out) {
  Table table({{"", "level", true, 9},
               {"", "l_start", true, 9},
               {"", "l_end", true, 9},
               {"", "depth", false, 3},
               {"lifetime:", "median (range)", false, 8},
               {"", "sinks", true, 9},
               {"docu-", "ments", true, 7},
               {"per 1000", "eligible", true, 8},
               {"95 %", "interval", false, 6},
               {"", "stability", true, 5}});
  for (std::size_t k = 0; k < report.levels.size(); ++k) {
    const Level& level = report.levels[k];
    table.add({level_name(report.levels, k), std::to_string(level.l_start), end_text(level),
               depth_text(level, report.n_layers), lifetime_text(level.lifetimes), count_in_words(level.rate),
               grouped(level.rate.documents), rate_text(level.rate), interval_text(level.rate),
               level.stability ? in_percent(level.stability) : "-"});
  }
  table.fit(style.width - 2);
  table.write("  ", Paint(style), out);
  if (!report.enough_documents) {
    out << fmt::format("  stability and 95 % intervals: {}\n", too_few(report.documents, "document"));
  }
  if (std::ranges::any_of(report.levels, &Level::tentative)) out << "  ? tentative: in few documents\n";
  if (report.all.outside > 0) out << fmt::format("  {}\n", kOutsideNote);
}

// What the members of levels are like.
void write_member_table(const FileLevels& file, const TerminalStyle& style, std::ostream& out) {
  out << "\n";
  Table table({{"", "level", true, 9},
               {"norm", "ratio", true, 6},
               {"logit", "gap", true, 6},
               {"far", "boost", true, 4},
               {"within", "+-1", true, 5},
               {"bits of", "l_start", true, 5},
               {"commonest", "tokens", false, 8}});
  const std::vector<Level>& levels = file.report.levels;
  for (std::size_t k = 0; k < levels.size(); ++k) {
    const Level& level = levels[k];
    table.add({level_name(levels, k), figure(level.norm_ratio), figure(level.logit_gap), figure(level.far_boost),
               fmt::format("{:.0f} %", 100 * level.within_one_frac), fmt::format("{:.2f}", level.start_entropy_bits),
               tokens_text(level, file)});
  }
  table.fit(style.width - 2);
  table.write("  ", Paint(style), out);
}

void write_hazard_table(const LevelReport& report, const TerminalStyle& style, std::ostream& out) {
  out << "\n  per 1000 eligible tokens, by position and in prompts and outputs\n";
  std::vector<TableColumn> columns = {{"", "level", true, 9}};
  const auto& bins = report.levels.front().hazard;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    columns.push_back({std::to_string(bins[i].first), fmt::format("to {}", bins[i].end - 1), true, 3});
  }
  columns.push_back({"in", "prompts", true, 8});
  columns.push_back({"in", "outputs", true, 8});
  Table table(std::move(columns));
  for (std::size_t k = 0; k < report.levels.size(); ++k) {
    const Level& level = report.levels[k];
    std::vector<std::string> cells = {level_name(report.levels, k)};
    for (const HazardBin& bin : level.hazard)
      cells.push_back(bin.per_1000 ? fmt::format("{:.2g}", *bin.per_1000) : "-");
    cells.push_back(rate_text(level.prompt_rate));
    cells.push_back(rate_text(level.output_rate));
    table.add(std::move(cells));
  }
  table.fit(style.width - 2);
  table.write("  ", Paint(style), out);
}

void write_file(const FileLevels& file, const TerminalStyle& style, std::ostream& out) {
  const LevelReport& report = file.report;
  const Paint paint(style);
  out << paint.bold(displayable(file.model.empty() ? file.name : file.model))
      << fmt::format(": {} layers, {}, {} tokens{}\n", report.n_layers, counted(report.documents, "document"),
                     grouped(report.tokens), file.imported ? ", imported records" : "");
  if (report.documents_without_primary > 0) {
    out << fmt::format("  {} without a primary sink: their tokens are not eligible\n",
                       counted(report.documents_without_primary, "document"));
  }
  write_rate_line(fmt::format("{} sinks", fmt::join(file.kinds, ", ")), report.all, report, out);
  if (report.groups > 0) {
    out << fmt::format("  of these, {} of equal states, {}; each counts once\n", counted(report.groups, "group"),
                       counted(report.group_tokens, "token"));
  }
  for (const LabelledRate& label : report.by_label) {
    write_rate_line(fmt::format("recorded as {}", displayable(label.name)), label.rate, report, out);
  }
  if (report.levels.empty()) {
    out << "  no levels\n";
  } else {
    out << "\n";
    write_level_table(report, style, out);
    write_member_table(file, style, out);
    write_hazard_table(report, style, out);
    out << fmt::format(
        "\n  {:.0f} % of all sinks lie within one layer of their level's centre; entropy of l_start {:.2f} "
        "bits; {} in no level\n",
        100 * report.within_one_frac, report.start_entropy_bits, grouped(report.unassigned.total()));
  }
  for (const WeakLevel& weak : report.weak) {
    out << fmt::format("  not counted: l_start {}, l_end {}, {} in {}, found again in {:.0f} % of bootstraps\n",
                       weak.l_start, end_text(weak), counted(weak.count, "sink"), counted(weak.documents, "document"),
                       100 * weak.stability);
  }
}

void write_side_by_side(const std::vector<FileLevels>& files, const TerminalStyle& style, std::ostream& out) {
  Table table({{"", "model", false, 9},
               {"", "layers", true, 4},
               {"", "level", true, 8},
               {"", "l_start", true, 9},
               {"", "l_end", true, 9},
               {"depth", "fraction", false, 9},
               {"", "sinks", true, 5},
               {"per 1000", "eligible", true, 9},
               {"95 %", "interval", false, 8}});
  for (const FileLevels& file : files) {
    // What sets models apart may stand anywhere in a long name, so it is cut late.
    const std::string name = clip_end(displayable(file.model.empty() ? file.name : file.model), 40);
    const std::string layers = std::to_string(file.report.n_layers);
    if (file.report.levels.empty()) {
      table.add({name, layers, "none", "-", "-", "-", count_in_words(file.report.all), rate_text(file.report.all),
                 interval_text(file.report.all)});
    }
    for (std::size_t k = 0; k < file.report.levels.size(); ++k) {
      const Level& level = file.report.levels[k];
      table.add({k == 0 ? name : "", k == 0 ? layers : "", fmt::format("{}{}", k + 1, level.tentative ? "?" : ""),
                 std::to_string(level.l_start), end_text(level), depth_text(level, file.report.n_layers),
                 count_in_words(level.rate), rate_text(level.rate), interval_text(level.rate)});
    }
  }
  table.fit(style.width);
  table.write("", Paint(style), out);
}

}  // namespace

void write_levels_terminal(const std::vector<FileLevels>& files, const TerminalStyle& style, std::ostream& out) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i > 0) out << "\n";
    write_file(files[i], style, out);
  }
  if (files.size() > 1) {
    out << "\n";
    write_side_by_side(files, style, out);
  }
}

}  // namespace sinkscope
