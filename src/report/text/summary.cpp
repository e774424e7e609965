#include "report/text/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/display_text.h"
#include "base/error.h"
#include "report/findings.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMostTexts = 100, kMostTokens = 5;

// Displayable text in which nothing is markup: whatever Markdown could take for some has a backslash before it.
std::string escaped(std::string_view text) {
  constexpr std::string_view kMarkup = "\\`*_{}[]<>#!|~&$^=@", kFirst = "+-";
  std::string safe;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins_list = i == 0 && kFirst.find(text[i]) != std::string_view::npos;
    const bool in_address = text.substr(i, 3) == "://";
    if (begins_list || in_address || kMarkup.find(text[i]) != std::string_view::npos) safe += '\\';
    safe += text[i];
  }
  return safe;
}

void write_row(const std::vector<std::string>& cells, std::ostream& out) {
  out << fmt::format("| {} |\n", fmt::join(cells, " | "));
}

// columns  with ":" at the end where they are numbers
void write_head(const std::vector<std::string>& columns, std::ostream& out) {
  std::vector<std::string> names, rules;
  for (const std::string& column : columns) {
    const bool number = column.ends_with(':');
    names.push_back(number ? column.substr(0, column.size() - 1) : column);
    rules.emplace_back(number ? "---:" : "---");
  }
  out << '\n';
  write_row(names, out);
  write_row(rules, out);
}

void write_counts(const Findings& found, std::ostream& out) {
  std::vector<std::string> names, cells;
  for (const SinkKind kind : kAllKinds) names.push_back(fmt::format("{}:", escaped(kind_name(kind, found.rule))));
  write_head(names, out);
  for (const SinkKind kind : kAllKinds) cells.push_back(grouped(found.counts.of(kind)));
  write_row(cells, out);
}

void write_strongest(const Findings& found, std::ostream& out) {
  if (found.strongest.empty()) return;
  const bool several = found.texts.size() > 1;
  const std::int64_t all = found.counts.of(Verdict::kSink);
  const bool has_far_z =
      std::ranges::any_of(found.strongest, [](const FoundSink& sink) { return sink.run.far_z_median.has_value(); });
  const std::string_view by = found.rule == Rule::kPaper ? "number of flagged layers"
                              : has_far_z                ? "median far z"
                                                         : "median far boost";
  out << "\n### " << (found.rule == Rule::kPaper ? "Flagged tokens" : "Sinks") << "\n\n"
      << (all > static_cast<std::int64_t>(found.strongest.size())
              ? fmt::format("The {} strongest of {}, by their {}.", found.strongest.size(), grouped(all), by)
              : fmt::format("By their {}; the primary is not among them.", by))
      << " A + marks a state that ends with the primary or the network: it might have lasted longer.\n";
  std::vector<std::string> columns = {
      "position:", "token", "kind", "layers:", "state life:", "alignment:", "norm ratio:", "score:", "far z:", "far boost:"};
  if (several) columns.insert(columns.begin(), "text");
  write_head(columns, out);
  for (const FoundSink& sink : found.strongest) {
    const Run& run = sink.run;
    std::vector<std::string> cells = {grouped(run.position),
                                      escaped(token_name(sink.token)),
                                      escaped(kind_name(run.kind, found.rule)),
                                      fmt::format("{}\u2013{}", run.l_start, run.l_end),
                                      fmt::format("{}{}", run.lifetime, run.censored ? "+" : ""),
                                      in_digits(run.alignment_median),
                                      in_digits(run.norm_ratio_median),
                                      in_digits(run.score_mean),
                                      in_digits(run.far_z_median),
                                      in_digits(run.far_boost_median)};
    if (several) cells.insert(cells.begin(), escaped(found.texts[sink.text].name));
    write_row(cells, out);
  }
}

void write_levels(const ScanFile& file, const LevelReport& report, std::ostream& out) {
  if (report.levels.empty()) return;
  out << "\n### Levels\n\nClusters of sinks of every kind by first and last layer that are found again in resamples of "
         "the texts. "
         "A + marks an end that most of its sinks do not reach: the primary or the network ends before.\n";
  write_head(
      {"layers:", "sinks:", "texts:", "in 1000 eligible tokens:", "median life:", "stability:", "commonest tokens"},
      out);
  for (const Level& level : report.levels) {
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < std::min(kMostTokens, level.tokens.size()); ++i) {
      const TokenCount& token = level.tokens[i];
      tokens.push_back(
          fmt::format("{} ({})", escaped(token_name(file.token_bytes(token.token))), grouped(token.count)));
    }
    const auto& lifetimes = level.lifetimes;
    write_row({level_name(level), count_in_words(level.rate),
               grouped(level.rate.documents) + (level.tentative ? " (tentative)" : ""), in_digits(level.rate.per_1000),
               fmt::format("{}{}", lifetimes.median_is_lower_bound ? "\u2265 " : "", lifetimes.median),
               level.stability ? in_percent(level.stability) : too_few(report.documents, "text"),
               fmt::format("{}", fmt::join(tokens, ", "))},
              out);
  }
  if (report.all.outside > 0) out << '\n' << kOutsideNote << ".\n";
}

void write_texts(const Findings& found, std::ostream& out) {
  if (found.texts.size() < 2) return;
  out << "\n### Texts\n";
  std::vector<std::string> names = {"text", "tokens:"};
  for (const SinkKind kind : kAllKinds) names.push_back(fmt::format("{}:", escaped(kind_name(kind, found.rule))));
  write_head(names, out);
  for (std::size_t i = 0; i < std::min(kMostTexts, found.texts.size()); ++i) {
    const FoundText& text = found.texts[i];
    std::vector<std::string> cells = {escaped(text.name), grouped(text.n_tokens)};
    for (const SinkKind kind : kAllKinds) cells.push_back(grouped(text.counts.of(kind)));
    write_row(cells, out);
  }
  if (found.texts.size() > kMostTexts) out << fmt::format("\n\u2026 and {} more.\n", found.texts.size() - kMostTexts);
}

void write_origin(const NamedScan& scan, std::ostream& out) {
  const auto runs = scan.file->program_runs();
  out << "\n### How it was made\n\n"
      << fmt::format("- results file: {}\n- model file, SHA-256: {}\n", escaped(displayable(scan.name)),
                     escaped(displayable(scan.file->model().sha256)));
  if (!runs.empty()) {
    out << fmt::format("- sinkscope {}, llama.cpp {}, precision {}\n",
                       escaped(displayable(runs.back().sinkscope_version)),
                       escaped(displayable(runs.back().llama_version)), escaped(displayable(runs.back().precision)));
  }
  out << "- what the words mean: the report's page Methods, and docs/science.md\n";
}

}  // namespace

void write_summary(std::span<const NamedScan> scans, std::span<const Overview> overviews, std::ostream& out) {
  out << "# Attention sinks\n";
  for (std::size_t i = 0; i < scans.size(); ++i) {
    const NamedScan& scan = scans[i];
    const auto& [totals, corpus, levels, found] = overviews[i];
    const ModelFacts& facts = scan.file->model().facts;
    out << fmt::format("\n## {}\n\n{} \u00b7 {} layers \u00b7 {} heads ({} KV) \u00b7 width {} \u00b7 {}, {}\n",
                       escaped(displayable(facts.name)), escaped(displayable(facts.type)), facts.n_layers,
                       facts.n_heads_max, facts.n_kv_heads.empty() ? 0 : std::ranges::max(facts.n_kv_heads),
                       facts.d_model, counted(static_cast<std::int64_t>(found.texts.size()), "text"),
                       counted(found.n_tokens, "token"));
    out << "\n**" << escaped(found.headline) << "**\n";
    write_counts(found, out);
    if (!found.sentences.empty()) out << "\n### What was found\n";
    for (const std::string& sentence : found.sentences) out << '\n' << escaped(sentence) << '\n';
    if (!found.warnings.empty()) out << "\n### To keep in mind\n\n";
    for (const std::string& warning : found.warnings) out << "- " << escaped(warning) << '\n';
    write_strongest(found, out);
    write_levels(*scan.file, levels, out);
    write_texts(found, out);
    write_origin(scan, out);
  }
  if (!out.flush()) throw Error(ErrorCode::kOutput, "summary: writing failed; check the free space");
}

void write_summary(std::span<const NamedScan> scans, const ReportOptions& options, const LevelOptions& level_options,
                   std::ostream& out) {
  std::vector<Overview> overviews;
  for (const NamedScan& scan : scans) overviews.push_back(overview_of(*scan.file, options, level_options));
  write_summary(scans, overviews, out);
}

}  // namespace sinkscope
