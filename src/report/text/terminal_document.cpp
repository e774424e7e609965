#include "report/text/terminal_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <ostream>

#include "base/display_text.h"
#include "base/words.h"
#include "report/words.h"
#include "sinks/attention_shares.h"

namespace sinkscope {
namespace {

constexpr int kFirstTokens = 8;
constexpr int kContextTokens = 12;  // on either side of a token
constexpr int kMinContextColumns = 20, kMaxContextColumns = 56;
constexpr std::size_t kContextColumn = 1;
constexpr const char* kIndent = "  ";
constexpr int kIndentColumns = 2;

std::string three_digits(std::optional<float> value) {
  if (!value) return kNotMeasured;
  const float size = std::fabs(*value);
  return fixed(*value, size >= 99.95F ? 0 : size >= 9.995F ? 1 : 2);
}

std::string three_decimals(std::optional<float> value) { return value ? fixed(*value, 3) : kNotMeasured; }

std::string layers_in_words(const std::vector<LayerInterval>& intervals) {
  std::string words = intervals.size() == 1 && intervals[0].first == intervals[0].second ? "layer " : "layers ";
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (i > 0) words += i + 1 == intervals.size() ? " and " : ", ";
    const auto& [first, last] = intervals[i];
    words += first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
  }
  return intervals.empty() ? "no layer" : words;
}

std::string painted(SinkKind kind, const Paint& paint) {
  const std::string name(name_of(kind));
  switch (kind) {
    case SinkKind::kPrimary:
      return paint.primary(name);
    case SinkKind::kPrimaryLike:
      return paint.primary_like(name);
    case SinkKind::kSecondary:
      return paint.secondary(name);
    case SinkKind::kUnaligned:
      return paint.unaligned(name);
  }
  return name;
}

// What all parts of one document's report share.
struct Page {
  const JudgedDocument& judged;
  const StoredDocument& document;
  const TerminalStyle& style;
  Paint paint;
  std::ostream& out;

  int width() const { return style.width - kIndentColumns; }
  std::string token(int position) const { return clip_token(judged.token(position)); }
  std::string tokens(int first, int end) const {
    std::string bytes;
    const int last = std::min(end, static_cast<int>(document.tokens.size()));
    for (int t = std::max(first, 0); t < last; ++t) bytes += token(t);
    return bytes;
  }
  bool is_chunk() const { return judged.first_origin().chunk.has_value(); }
};

// A token between what precedes and what follows it, so that the tokens of all rows stand below each other.
std::string token_in_place(const Page& page, int position, int columns) {
  std::string before = page.tokens(position - kContextTokens, position);
  // The first bytes may be the rest of a character that began further left.
  while (!before.empty() && (static_cast<unsigned char>(before.front()) & 0xC0U) == 0x80U) before.erase(0, 1);
  const int left = columns * 2 / 5;
  const std::string lead = clip_start(displayable(before), left);
  const std::string token = clip_end(displayable(page.token(position)), columns - left - 4);
  const int right = columns - left - 2 - display_width(token);
  const std::string after = clip_end(displayable(page.tokens(position + 1, position + 1 + kContextTokens)), right);
  const std::string space(static_cast<std::size_t>(std::max(0, left - display_width(lead))), ' ');
  return space + page.paint.dim(lead) + "\u00ab" + page.paint.token(token) + "\u00bb" + page.paint.dim(after);
}

// Cuts the table to the terminal, gives what is left to the tokens' surroundings, and writes it.
void write_table(const Page& page, Table& table, const std::vector<int>& positions) {
  const std::string placeholder(kMinContextColumns, 'x');
  for (std::size_t row = 0; row < positions.size(); ++row) table.set(row, kContextColumn, placeholder);
  table.fit(page.width());
  const int columns = std::min(kMinContextColumns + std::max(0, page.width() - table.width()), kMaxContextColumns);
  for (std::size_t row = 0; row < positions.size(); ++row) {
    table.set(row, kContextColumn, token_in_place(page, positions[row], columns));
  }
  table.write(kIndent, page.paint, page.out);
}

void write_more_rows(const Page& page, std::size_t shown, std::size_t all) {
  if (shown == all) return;
  page.out << wrapped(kIndent, fmt::format("... and {} more; `show --all` lists every one", all - shown),
                      page.style.width);
}

std::size_t rows_shown(const TerminalStyle& style, std::size_t all) {
  return style.max_rows == 0 ? all : std::min(all, static_cast<std::size_t>(style.max_rows));
}

void write_heading(const Page& page) {
  const StoredDocument& document = page.document;
  std::string name = "document " + std::to_string(document.ordinal);
  std::string more;
  if (!document.origins.empty()) {
    const Origin& first = document.origins.front();
    if (!first.id.empty()) name = displayable(first.id);
    if (first.chunk) more += fmt::format(", chunk {} from position {}", *first.chunk, first.document_offset);
    if (document.origins.size() > 1) {
      more +=
          fmt::format(", and {}", count_of(static_cast<std::int64_t>(document.origins.size()) - 1, "place") + " more");
    }
  }
  more += ": " + count_of(document.figures.n_tokens, "token");
  if (document.figures.prompt_tokens > 0) more += fmt::format(", {} of them prompt", document.figures.prompt_tokens);
  page.out << '\n' << page.paint.bold(clip_end(name, page.style.width - display_width(more))) << more << '\n';

  const std::string label = "first tokens  ";
  std::string first;
  for (int t = 0; t < std::min(kFirstTokens, document.figures.n_tokens); ++t) {
    first += (t > 0 ? "\u2502" : "") + displayable(page.token(t));
  }
  page.out << kIndent << page.paint.dim(label) << clip_end(first, page.width() - display_width(label)) << '\n';
}

void write_primary(const Page& page, const Detection& detection) {
  const Paint& paint = page.paint;
  if (!detection.primary) {
    page.out << wrapped(kIndent + paint.warning("no primary: "), detection.no_primary_reason, page.style.width);
    return;
  }
  const Primary& primary = *detection.primary;
  const std::string label = std::string(kIndent) + paint.dim("primary") + "       ";
  const std::string space(static_cast<std::size_t>(display_width(label)), ' ');
  const auto write = [&](const std::string& lead, const std::string& text) {
    page.out << wrapped(lead, text, page.style.width);
  };
  write(label, fmt::format("{} \u00ab{}\u00bb, born at layer {}, active in {}", primary.position,
                           paint.primary(clip_end(displayable(page.token(primary.position)), 24)), primary.birth_layer,
                           layers_in_words(primary.active_layers)));
  if (page.document.figures.n_padding > 0 || primary.position > 0) {
    write(space, fmt::format(
                     "taken for its norms, {} times ordinary ones on average over layers: the largest of the positions "
                     "looked at{}",
                     three_digits(primary.mean_norm_ratio),
                     page.document.figures.n_padding > 0
                         ? fmt::format("; {} passed over, to which later tokens attend all the same", counted(page.document.figures.n_padding, "padding token"))
                         : ""));
  }
  if (primary.set.size() > 1) write(space, fmt::format("with positions {} as one", fmt::join(primary.set, ", ")));
  write(space, fmt::format("norm ratio {} (up to {}), score {} (up to {}), far boost {} (up to {})",
                           three_digits(primary.norm_ratio_median), three_digits(primary.norm_ratio_max),
                           three_decimals(primary.score_mean), three_decimals(primary.score_max),
                           three_digits(primary.far_boost_median), three_digits(primary.far_boost_max)));
  if (!primary.early_plateau.empty()) {
    write(space,
          fmt::format("early plateau in {}, before its direction was born", layers_in_words(primary.early_plateau)));
  }
}

void write_sinks(const Page& page, const std::vector<Run>& sinks) {
  std::vector<TableColumn> columns = {
      {"", "position", true, 10},  {"", "token in its place", false, 10},
      {"", "kind", false, 8},      {"", "layers", true, 9},
      {"state", "life", true, 6},  {"attn.", "life", true, 4},
      {"align-", "ment", true, 3}, {"norm", "ratio", true, 5},
      {"", "score", true, 2},      {"far", "boost", true, 7},
  };
  if (page.is_chunk()) columns.insert(columns.begin() + 2, {"in the", "document", true, 7});
  Table table(columns);
  const std::size_t n_rows = rows_shown(page.style, sinks.size());
  std::vector<int> positions;
  bool any_censored = false;
  for (std::size_t i = 0; i < n_rows; ++i) {
    const Run& run = sinks[i];
    any_censored = any_censored || run.censored;
    positions.push_back(run.position);
    std::vector<std::string> cells = {
        std::to_string(run.position),
        "",
        painted(run.kind, page.paint),
        fmt::format("{}-{}", run.l_start, run.l_end),
        std::to_string(run.lifetime) + (run.censored ? "+" : " "),
        run.attention_lifetime ? std::to_string(*run.attention_lifetime) : kNotMeasured,
        three_decimals(run.alignment_median),
        three_digits(run.norm_ratio_median),
        three_decimals(run.score_mean),
        three_digits(run.far_boost_median),
    };
    if (page.is_chunk()) cells.insert(cells.begin() + 2, std::to_string(run.position + page.judged.offset()));
    table.add(std::move(cells));
  }
  write_table(page, table, positions);
  write_more_rows(page, n_rows, sinks.size());
  if (n_rows > 0) {
    page.out << wrapped(
        "  state life: ", "layers in which its state lasts; attn. life: blocks in a row that draw on it",
        page.style.width);
  }
  if (any_censored) {
    page.out << wrapped("  + ", "ends with the primary or the network: might have lasted longer", page.style.width);
  }
}

// Tokens of one state, which are a sink together, unless each is a sink by itself and listed as one; and those that draw much
// because they are many.
void write_groups(const Page& page, const Detection& detection) {
  for (const SinkGroup& group : detection.groups) {
    const bool is_sink = group.verdict == Verdict::kSink;
    if (!is_sink && group.equal_norms) continue;
    const auto is_listed = [&](std::size_t run) { return detection.runs[run].verdict == Verdict::kSink; };
    if (group.runs.size() == group.members.size() && std::ranges::all_of(group.runs, is_listed)) continue;
    const std::string token = clip_end(displayable(page.token(group.members.front())), 24);
    page.out << wrapped(std::string(kIndent) + page.paint.bold("group") + "         ",
                        fmt::format("\u00ab{}\u00bb and others at {}: {}{}", page.paint.token(token),
                                    plain_ranges(ranges_of(group.members)), group_in_words(group),
                                    is_sink ? "" : ", which is too little for a sink"),
                        page.style.width);
  }
}

// How much of the attention the primary and the sinks take.
void write_attention(const Page& page, const Detection& detection) {
  const std::string words = attention_in_words(attention_shares(page.document.figures, detection), detection);
  if (!words.empty()) {
    page.out << wrapped(std::string(kIndent) + page.paint.bold("attention") + "     ", words, page.style.width);
  }
}

// Why there is nothing to list, as far as the figures say.
void write_hints(const Page& page, const Detection& detection) {
  const SequenceFigures& figures = page.document.figures;
  const auto hint = [&](const std::string& text) { page.out << wrapped(kIndent, text, page.style.width); };
  const int far_needs = figures.min_distance + kMinFarQueries;
  if (figures.n_tokens < far_needs) {
    hint(
        fmt::format("A text this short shows no sinks: attention is judged over {} queries at least {} positions "
                    "later, so give {} tokens or more.",
                    kMinFarQueries, figures.min_distance, far_needs));
    return;
  }
  if (!detection.primary) return;
  const Run* nearest = nullptr;
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink || detection.in_sink_group(run) || !run.margin) continue;
    if (nearest == nullptr || *run.margin > *nearest->margin) nearest = &run;
  }
  if (nearest == nullptr || *nearest->margin >= 0) return;
  const auto misses = [&](const std::optional<float>& margin) { return margin == nearest->margin; };
  const Margins& margins = nearest->margins;
  const bool by_attention = misses(margins.attention);
  const bool by_z = margins.far_z && margins.far_boost && *margins.far_z < *margins.far_boost;
  const char* threshold = by_attention                 ? (by_z ? "far z" : "far boost")
                          : misses(margins.norm_ratio) ? "norm ratio"
                                                       : "alignment";
  hint(fmt::format("Nearest to one: position {} \u00ab{}\u00bb, layers {}-{}, {} {:.0f} % under its threshold.",
                   nearest->position, clip_end(displayable(page.token(nearest->position)), 24), nearest->l_start,
                   nearest->l_end, threshold, -100 * *nearest->margin));
}

std::string no_sinks_in_words(const SequenceFigures& figures, const Detection& detection, std::int64_t eligible_tokens) {
  if (!detection.primary && figures.candidate) return "No sinks.";
  if (eligible_tokens == 0) return "No token could be judged.";
  const bool grouped = detection.n_sinks() > 0 || detection.primary->group;
  return fmt::format("{} beside the primary among the {} that could be judged.",
                     grouped ? "No token is a sink by itself" : "No sinks", counted(eligible_tokens, "token"));
}

void write_evidence(const Page& page) {
  const Detection& detection = *page.judged.evidence;
  std::vector<Run> sinks;
  std::ranges::copy_if(detection.runs, std::back_inserter(sinks),
                       [](const Run& run) { return run.verdict == Verdict::kSink; });
  write_primary(page, detection);
  write_groups(page, detection);
  page.out << '\n';
  if (sinks.empty()) {
    const SequenceFigures& figures = page.document.figures;
    const bool too_short = figures.n_tokens < figures.min_distance + kMinFarQueries;
    page.out << kIndent
             << (too_short ? "Too short to be judged."
                           : no_sinks_in_words(page.document.figures, detection, page.judged.counts.eligible_tokens))
             << '\n';
    write_hints(page, detection);
  } else {
    page.out << kIndent << page.paint.bold(count_of(page.judged.counts.sinks(), "sink")) << ": "
             << kinds_in_words(page.judged.counts, page.paint) << '\n';
    write_sinks(page, sinks);
  }
  write_attention(page, detection);
  if (const std::string others = other_runs_in_words(page.judged.counts, page.judged.options.thresholds);
      !others.empty()) {
    page.out << wrapped("  other runs: ", others, page.style.width);
  }
}

void write_flagged(const Page& page) {
  const PaperDetection& detection = *page.judged.paper;
  page.out << kIndent << page.paint.dim("primary       ")
           << fmt::format("{} \u00ab{}\u00bb, span of layers {}-{}, by the paper's rule\n\n", detection.primary,
                          page.paint.primary(clip_end(displayable(page.token(detection.primary)), 24)),
                          detection.span_first, detection.span_last);
  page.out << kIndent << page.paint.bold(count_of(static_cast<std::int64_t>(detection.runs.size()), "token"))
           << " flagged: " << labels_in_words(page.judged.paper_counts) << '\n';
  if (detection.runs.empty()) return;
  Table table({{"", "position", true, 10},
               {"", "token in its place", false, 10},
               {"", "label", false, 8},
               {"", "layers", true, 9},
               {"layers", "flagged", true, 7}});
  const std::size_t n_rows = rows_shown(page.style, detection.runs.size());
  std::vector<int> positions;
  for (std::size_t i = 0; i < n_rows; ++i) {
    const PaperRun& run = detection.runs[i];
    positions.push_back(run.position);
    table.add({std::to_string(run.position), "", run.label, fmt::format("{}-{}", run.first_layer, run.last_layer),
               std::to_string(run.layers_flagged)});
  }
  write_table(page, table, positions);
  write_more_rows(page, n_rows, detection.runs.size());
}

}  // namespace

std::string kinds_in_words(const Counts& counts, const Paint& paint) {
  std::string words;
  for (const SinkKind kind : {SinkKind::kSecondary, SinkKind::kPrimaryLike, SinkKind::kUnaligned}) {
    if (counts.of(kind) == 0) continue;
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", counts.of(kind), painted(kind, paint));
  }
  if (counts.counted_groups > 0) words += fmt::format(" ({} as one sink)", count_of(counts.counted_groups, "group"));
  return words;
}

std::string labels_in_words(const PaperCounts& counts) {
  std::string words;
  for (std::size_t i = 0; i < kPaperLabels.size(); ++i) {
    words += fmt::format("{}{} {}", i == 0 ? "" : ", ", counts.by_label[i], kPaperLabels[i]);
  }
  return words;
}

void write_document(const JudgedDocument& judged, const TerminalStyle& style, std::ostream& out) {
  const Page page{judged, judged.document, style, Paint(style), out};
  write_heading(page);
  judged.evidence ? write_evidence(page) : write_flagged(page);
}

}  // namespace sinkscope
