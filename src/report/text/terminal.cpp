#include "report/text/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <ostream>
#include <string_view>

#include "base/display_text.h"
#include "base/error.h"
#include "base/words.h"
#include "report/text/terminal_document.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr int kNarrowest = 40, kWidest = 160;

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

std::string heads_in_words(const std::vector<int>& heads, const std::vector<int>& kv_heads) {
  const int most = std::ranges::max(heads), most_kv = std::ranges::max(kv_heads);
  std::string words = count_of(most, "head");
  if (most_kv != most) words += fmt::format(" ({} for keys and values)", most_kv);
  const auto without = std::ranges::count(heads, 0);
  if (without > 0) words += fmt::format(", {} without attention", count_of(without, "layer"));
  return words;
}

void write_lacking(const ModelRecord& model, const TerminalStyle& style, std::ostream& out) {
  // Layers often lack the same thing for the same reason.
  std::map<std::pair<std::string, std::string>, std::vector<int>> layers;
  for (const Lacking& one : model.lacking) layers[{one.what, one.why}].push_back(one.layer);
  for (const auto& [what, where] : layers) {
    const bool all = where.size() == static_cast<std::size_t>(model.facts.n_layers);
    const std::string place = all ? "in all layers"
                              : where.size() > 6
                                  ? fmt::format("in {} layers", where.size())
                                  : fmt::format("in {} {}", plural(std::ssize(where), "layer"), fmt::join(where, ", "));
    out << wrapped("not measured: ", fmt::format("{} {}, {}", displayable(what.first), place, displayable(what.second)),
                   style.width);
  }
}

void write_corpus(const Totals& corpus, Rule rule, const Thresholds& thresholds, const TerminalStyle& style,
                  std::ostream& out) {
  const Paint paint(style);
  out << '\n'
      << paint.bold(fmt::format("Together: {} documents, {} tokens", corpus.n_documents, corpus.n_tokens)) << '\n';
  if (rule == Rule::kPaper) {
    out << "  flagged: " << labels_in_words(corpus.paper_counts) << '\n';
    return;
  }
  const Counts& counts = corpus.counts;
  out << wrapped(
      "  ",
      fmt::format("a primary in {} of {} documents; {} of {} tokens could be judged (eligible)",
                  counts.of(SinkKind::kPrimary), corpus.n_documents, counts.eligible_tokens, corpus.n_tokens),
      style.width);
  const std::string kinds = kinds_in_words(counts, paint);
  out << wrapped("  ",
                 fmt::format("{}{}{}, in {} of {} documents", count_of(counts.sinks(), "sink"),
                             kinds.empty() ? "" : ": ", kinds, corpus.n_with_sinks, corpus.n_documents),
                 style.width);
  if (counts.groups > 0) {
    out << wrapped("  ",
                   fmt::format("{} of one state, {}: each draws attention as one sink, and counts as one unless it is the "
                               "primary's or some of its tokens are sinks by themselves and are counted",
                               count_of(counts.groups, "group"), count_of(counts.group_tokens, "token")),
                   style.width);
  }
  if (const std::int64_t n = counts.of(SinkKind::kSecondary); n > 0) {
    const std::int64_t eligible = counts.eligible_by_kind[static_cast<std::size_t>(SinkKind::kSecondary)];
    const std::string outside =
        n == eligible ? "" : fmt::format("; {} of {} stand outside them and enter no rate", n - eligible, n);
    out << wrapped("  ",
                   fmt::format("{} secondary sinks per 1000 eligible tokens{}",
                               in_digits(per_1000(eligible, counts.eligible_tokens)), outside),
                   style.width);
  }
  if (const std::string others = other_runs_in_words(counts, thresholds); !others.empty()) {
    out << wrapped("  other runs: ", others, style.width);
  }
}

class TerminalView : public JudgedView {
 public:
  TerminalView(const ScanFile& file, const ReportOptions& options, const TerminalStyle& style, std::ostream& out)
      : file_(file), options_(options), style_(style), out_(out) {}

  void begin() override { write_model(file_.model(), style_, out_); }

  void see(const JudgedDocument& judged) override {
    if (style_.max_documents == 0 || n_seen_ < style_.max_documents) write_document(judged, style_, out_);
    ++n_seen_;
  }

  void finish(const Totals& totals) override {
    if (totals.n_documents == 0) out_ << "\nNo documents: nothing was stored yet.\n";
    if (style_.max_documents != 0 && totals.n_documents > style_.max_documents) {
      out_ << '\n'
           << Paint(style_).dim(fmt::format("... and {} more documents; `show --all` shows each",
                                            totals.n_documents - style_.max_documents))
           << '\n';
    }
    if (totals.n_documents > 1) write_corpus(totals, rule_of(file_, options_), options_.thresholds, style_, out_);
    if (!out_.flush()) throw Error(ErrorCode::kOutput, "the report: writing failed");
  }

 private:
  const ScanFile& file_;
  ReportOptions options_;
  TerminalStyle style_;
  std::ostream& out_;
  std::int64_t n_seen_ = 0;
};

}  // namespace

TerminalStyle TerminalStyle::of(int file_descriptor) {
  TerminalStyle style;
  if (isatty(file_descriptor) != 1) return style;
  winsize size{};
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = std::clamp(static_cast<int>(size.ws_col), kNarrowest, kWidest);
  }
  const char* terminal = std::getenv("TERM");
  style.colour = !is_set("NO_COLOR") && terminal != nullptr && std::string_view(terminal) != "dumb";
  return style;
}

void write_model(const ModelRecord& model, const TerminalStyle& style, std::ostream& out) {
  const Paint paint(style);
  const ModelFacts& facts = model.facts;
  out << paint.bold(clip_end(displayable(facts.name), style.width)) << '\n';
  const std::string line = fmt::format("{}, {} layers, {}, width {}, sha256 {}", displayable(facts.type),
                                       facts.n_layers, heads_in_words(facts.n_heads, facts.n_kv_heads), facts.d_model,
                                       displayable(model.sha256.substr(0, 12)));
  out << paint.dim(clip_end(line, style.width)) << '\n';
  write_lacking(model, style, out);
  for (const std::string& note : model.notes) out << wrapped("note: ", displayable(note), style.width);
}

std::unique_ptr<JudgedView> terminal_view(const ScanFile& file, const ReportOptions& options,
                                          const TerminalStyle& style, std::ostream& out) {
  return std::make_unique<TerminalView>(file, options, style, out);
}

void write_terminal(const ScanFile& file, const ReportOptions& options, const TerminalStyle& style, std::ostream& out) {
  judge(file, options, *terminal_view(file, options, style, out));
}

}  // namespace sinkscope
