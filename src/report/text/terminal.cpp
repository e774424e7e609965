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
    const std::string place =
        all                ? "in all layers"
        : where.size() > 6 ? fmt::format("in {} layers", where.size())
                           : fmt::format("in {} {}", where.size() == 1 ? "layer" : "layers", fmt::join(where, ", "));
    out << wrapped("not measured: ", fmt::format("{} {}, {}", displayable(what.first), place, displayable(what.second)),
                   style.width);
  }
}

struct Corpus {
  std::int64_t n_documents = 0, n_tokens = 0, n_with_sinks = 0;
  Counts counts;
  PaperCounts paper_counts;
};

void write_corpus(const Corpus& corpus, const ReportOptions& options, const TerminalStyle& style, std::ostream& out) {
  const Paint paint(style);
  out << '\n'
      << paint.bold(fmt::format("Together: {} documents, {} tokens", corpus.n_documents, corpus.n_tokens)) << '\n';
  if (options.rule == Rule::kPaper) {
    out << "  flagged: " << labels_in_words(corpus.paper_counts) << '\n';
    return;
  }
  const Counts& counts = corpus.counts;
  out << fmt::format("  a primary in {} of {} documents\n", counts.of(SinkKind::kPrimary), corpus.n_documents);
  const std::string kinds = kinds_in_words(counts, paint);
  out << wrapped("  ",
                 fmt::format("{}{}{}, in {} of {} documents", count_of(counts.of(Verdict::kSink), "sink"),
                             kinds.empty() ? "" : ": ", kinds, corpus.n_with_sinks, corpus.n_documents),
                 style.width);
  if (const std::int64_t n = counts.of(SinkKind::kSecondary); n > 0) {
    out << fmt::format(
        "  {:.3f} secondary sinks per 1000 tokens\n",
        1000.0 * static_cast<double>(n) / static_cast<double>(std::max<std::int64_t>(corpus.n_tokens, 1)));
  }
  if (const std::string others = other_runs_in_words(counts); !others.empty()) {
    out << wrapped("  other runs: ", others, style.width);
  }
}

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
}

void write_terminal(const ScanFile& file, const ReportOptions& options, const TerminalStyle& style, std::ostream& out) {
  check_answerable(file, options);
  write_model(file.model(), style, out);
  Corpus corpus;
  file.for_each_document([&](const StoredDocument& document) {
    const bool show = style.max_documents == 0 || corpus.n_documents < style.max_documents;
    ++corpus.n_documents;
    corpus.n_tokens += document.figures.n_tokens;
    if (options.rule == Rule::kPaper) {
      corpus.paper_counts.add(write_paper_document(file, document, options.paper, style, show, out));
      return;
    }
    const Counts counts = write_document(file, document, options.thresholds, style, show, out);
    corpus.counts.add(counts);
    if (counts.of(Verdict::kSink) > 0) ++corpus.n_with_sinks;
  });
  if (corpus.n_documents == 0) out << "\nNo documents: nothing was stored yet.\n";
  if (style.max_documents != 0 && corpus.n_documents > style.max_documents) {
    out << '\n'
        << Paint(style).dim(fmt::format("... and {} more documents; `show --all` shows each",
                                        corpus.n_documents - style.max_documents))
        << '\n';
  }
  if (corpus.n_documents > 1) write_corpus(corpus, options, style, out);
  if (!out.flush()) throw Error(ErrorCode::kOutput, "the report: writing failed");
}

}  // namespace sinkscope
