#include "report/text/ablate_terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "base/display_text.h"
#include "base/words.h"
#include "report/text/table.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMostNamed = 8;

std::string verdict_text(AblationVerdict verdict, const Paint& paint) {
  const std::string name(name_of(verdict));
  switch (verdict) {
    case AblationVerdict::kNotEnough:
    case AblationVerdict::kUndecided:
    case AblationVerdict::kReplaced:
      return paint.warning(name);
    case AblationVerdict::kBeyondCompetition:
    case AblationVerdict::kSupported:
      return paint.secondary(name);
    default:
      return paint.primary(name);
  }
}

// "5 primary_like sinks" or, of several kinds, "7 sinks (5 primary_like, 2 secondary)".
std::string removed_text(const std::vector<SequenceAblation>& sequences) {
  std::map<std::string, std::int64_t> kinds;
  std::int64_t n = 0;
  for (const SequenceAblation& sequence : sequences) {
    for (const RemovedToken& token : sequence.removed) {
      ++n;
      ++kinds[token.kind ? std::string(name_of(*token.kind)) : "listed"];
    }
  }
  if (kinds.size() == 1) return fmt::format("{} {} {}", grouped(n), kinds.begin()->first, plural(n, "sink"));
  std::string by_kind;
  for (const auto& [kind, count] : kinds) by_kind += fmt::format("{}{} {}", by_kind.empty() ? "" : ", ", count, kind);
  return fmt::format("{} ({})", counted(n, "sink"), by_kind);
}

// "4 other tokens became sinks (683 730 818 860)"; positions of one sequence only.
std::string new_sinks_text(const std::vector<SequenceAblation>& sequences, const JudgedEdit& edit) {
  std::string text = "no other token became a sink";
  if (edit.n_new_sinks > 0) {
    text = edit.n_new_sinks == 1 ? "1 other token became a sink"
                                 : fmt::format("{} other tokens became sinks", grouped(edit.n_new_sinks));
    const std::vector<int>& first = sequences.front().edited.detection.new_sinks;
    if (sequences.size() == 1 && first.size() <= kMostNamed) text += fmt::format(" ({})", fmt::join(first, " "));
  }
  return text + fmt::format(", placebo: {}", edit.n_new_placebo_sinks == 0 ? "none" : grouped(edit.n_new_placebo_sinks));
}

void write_head(const std::vector<SequenceAblation>& sequences, const JudgedEdit& edit, const TerminalStyle& style,
                const Paint& paint, std::ostream& out) {
  std::size_t fewest = sequences.front().placebo.draws.size();
  int wanted = 0, distance = 0;
  std::map<std::string, std::int64_t> other_primaries;
  for (const SequenceAblation& sequence : sequences) {
    fewest = std::min(fewest, sequence.placebo.draws.size());
    wanted = std::max(wanted, sequence.placebo.n_wanted);
    distance = std::max(distance, sequence.placebo.max_distance);
    const std::optional<int>& primary = sequence.edited.detection.primary;
    if (primary != sequence.primary) ++other_primaries[primary ? fmt::format("position {}", *primary) : "none"];
  }
  std::string text = fmt::format("{} in {}; {}, at most {} away; {}", removed_text(sequences),
                                 counted(edit.n_documents, "document"),
                                 counted(static_cast<std::int64_t>(fewest), "placebo draw"),
                                 counted(distance, "position"), new_sinks_text(sequences, edit));
  if (static_cast<int>(fewest) < wanted) text += fmt::format("; too few ordinary tokens for {} draws", wanted);
  for (const auto& [primary, n] : other_primaries) {
    text += fmt::format("; the primary of the edited run: {} in {}", primary, counted(n, "sequence"));
  }
  out << wrapped(paint.bold(word_of(edit.how)) + ": ", text, style.width);
}

std::string change(const std::optional<double>& value, int digits) {
  return value ? signed_fixed(*value, digits) : kNotMeasured;
}

struct Mean {
  double sum = 0, n = 0;
  void add(const std::optional<double>& value) {
    if (value) sum += *value, ++n;
  }
  std::optional<double> value() const { return n > 0 ? std::optional(sum / n) : std::nullopt; }
};

void write_blocks(const std::vector<SequenceAblation>& sequences, const TerminalStyle& style, const Paint& paint,
                  std::ostream& out) {
  Table table({{"", "block", true, 9},
               {"", "queries", true, 3},
               {"primary's", "score", true, 8},
               {"", "change", true, 9},
               {"of it", "competition", true, 7},
               {"log", "odds", true, 9},
               {"placebo:", "change", true, 8},
               {"", "log odds", true, 6},
               {"new sinks'", "mass", true, 5}});
  bool any = false;
  for (std::size_t b = 0; b < sequences.front().base.size(); ++b) {
    Mean score, removed, competition, log_odds, placebo, placebo_odds, mass;
    std::int64_t queries = 0;
    for (const SequenceAblation& sequence : sequences) {
      const std::optional<BlockEffect>& effect = sequence.edited.blocks[b];
      if (!effect) continue;
      queries += sequence.base[b].n_queries;
      score.add(sequence.base[b].figures->score);
      removed.add(effect->score);
      mass.add(effect->replaced_mass);
      if (effect->logs) competition.add(effect->logs->competition_score), log_odds.add(effect->logs->log_odds);
      for (const EditedRun& draw : sequence.placebo_runs) {
        if (!draw.blocks[b]) continue;
        placebo.add(draw.blocks[b]->score);
        if (draw.blocks[b]->logs) placebo_odds.add(draw.blocks[b]->logs->log_odds);
      }
    }
    if (queries == 0) continue;
    any = true;
    table.add({std::to_string(b), grouped(queries), fmt::format("{:.3f}", *score.value()), change(removed.value(), 3),
               change(competition.value(), 3), change(log_odds.value(), 2), change(placebo.value(), 3),
               change(placebo_odds.value(), 2), mass.n > 0 ? fmt::format("{:.3f}", *mass.value()) : kNotMeasured});
  }
  if (!any) {
    out << fmt::format("  no block has {} queries that see the primary and a removed key from afar: longer texts have\n",
                       kMinEffectQueries);
    return;
  }
  table.fit(style.width - 2);
  table.write("  ", paint, out);
}

std::string token_verdict_text(TokenVerdict verdict, const Paint& paint) {
  const std::string name(name_of(verdict));
  if (verdict == TokenVerdict::kMatters) return paint.secondary(name);
  return verdict == TokenVerdict::kNegligible || verdict == TokenVerdict::kHarmless ? paint.primary(name)
                                                                                     : paint.warning(name);
}

// Means over documents of what single draws came to, and their range.
void write_tokens(const std::vector<SequenceAblation>& sequences, std::ostream& out) {
  Mean loss, kl, placebo_loss, placebo_kl;
  std::optional<std::pair<double, double>> range;
  for (const SequenceAblation& sequence : sequences) {
    if (!sequence.edited.tokens || sequence.edited.tokens->n == 0) continue;
    loss.add(sequence.edited.tokens->loss);
    kl.add(sequence.edited.tokens->kl);
    for (const EditedRun& draw : sequence.placebo_runs) {
      placebo_loss.add(draw.tokens->loss);
      placebo_kl.add(draw.tokens->kl);
      if (!range) range.emplace(draw.tokens->loss, draw.tokens->loss);
      range->first = std::min(range->first, draw.tokens->loss);
      range->second = std::max(range->second, draw.tokens->loss);
    }
  }
  if (!loss.value()) return;
  out << fmt::format("  next-token loss {}", signed_fixed(*loss.value(), 4));
  if (range) {
    out << fmt::format(", placebo {} ({} to {})", signed_fixed(*placebo_loss.value(), 4), signed_fixed(range->first, 4),
                       signed_fixed(range->second, 4));
  }
  out << fmt::format("; KL {}", fixed(*kl.value(), 4));
  if (range) out << fmt::format(", placebo {}", fixed(*placebo_kl.value(), 4));
  out << " (nats)\n";
}

}  // namespace

void write_ablate_terminal(const Ablation& ablation, const JudgedAblation& judged, const TerminalStyle& style,
                           std::ostream& out) {
  const Paint paint(style);
  for (std::size_t i = 0; i < ablation.edits.size(); ++i) {
    const JudgedEdit& edit = judged.verdicts[i];
    write_head(ablation.edits[i], edit, style, paint, out);
    write_blocks(ablation.edits[i], style, paint, out);
    write_tokens(ablation.edits[i], out);
    out << wrapped("  primary: " + verdict_text(edit.verdict, paint) + "; ", edit.reason, style.width);
    if (edit.tokens_verdict) {
      out << wrapped("  tokens: " + token_verdict_text(*edit.tokens_verdict, paint) + "; ", edit.tokens_reason, style.width);
    }
    out << '\n';
  }
  if (ablation.n_without > 0) {
    out << fmt::format("left out: {} without a primary, or anything that was to be removed\n",
                       counted(ablation.n_without, "sequence"));
  }
}

}  // namespace sinkscope
