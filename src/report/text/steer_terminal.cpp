#include "report/text/steer_terminal.h"

#include <fmt/format.h>

#include <ostream>

#include "base/display_text.h"
#include "base/words.h"
#include "report/text/table.h"

namespace sinkscope {
namespace {

std::string shown_number(const std::optional<double>& value, int digits) {
  return value ? fixed(*value, digits) : kNotMeasured;
}

std::string boosts_text(const SteeredToken& token) {
  std::string text;
  for (const auto& boost : token.far_boost) text += fmt::format("{}{}", text.empty() ? "" : " ", shown_number(boost, 1));
  return text.empty() ? kNotMeasured : text;
}

std::string verdict_text(const SteeredToken& token) {
  if (token.is_primary) return "the primary";
  if (!token.run) return "no run";
  std::string text(name_of(token.run->verdict));
  if (token.run->verdict == Verdict::kSink) text = fmt::format("{} sink", name_of(token.run->kind));
  return fmt::format("{}, {}-{}", text, token.run->l_start, token.run->l_end);
}

void write_tokens(const Steering& steering, const TerminalStyle& style, const Paint& paint, std::ostream& out) {
  Table table({{"", "position", true, 9},
               {"", "layer", true, 8},
               {"", "alignment", true, 6},
               {"", "norm ratio", true, 5},
               {"far boost in", "the blocks behind", false, 7},
               {"", "unedited", false, 3},
               {"", "the rule", false, 8}});
  for (std::size_t i = 0; i < steering.steered.tokens.size(); ++i) {
    const SteeredToken& token = steering.steered.tokens[i];
    table.add({std::to_string(token.position), std::to_string(token.layer), shown_number(token.alignment, 3),
               shown_number(token.norm_ratio, 1), boosts_text(token), boosts_text(steering.unedited.tokens[i]),
               verdict_text(token)});
  }
  table.fit(style.width - 2);
  table.write("  ", paint, out);
}

std::optional<double> mean_score(const std::vector<SteeredRun>& runs, std::size_t block) {
  double sum = 0, n = 0;
  for (const SteeredRun& run : runs) {
    if (run.primary_score[block]) sum += *run.primary_score[block], ++n;
  }
  return n > 0 ? std::optional(sum / n) : std::nullopt;
}

void write_primary(const Steering& steering, const TerminalStyle& style, const Paint& paint, std::ostream& out) {
  Table table({{"", "block", true, 9}, {"primary's", "score", true, 8}, {"", "steered", true, 9}, {"", "placebo", true, 7}});
  for (std::size_t b = 0; b < steering.steered.primary_score.size(); ++b) {
    table.add({std::to_string(steering.first_block + static_cast<int>(b)),
               shown_number(steering.unedited.primary_score[b], 3), shown_number(steering.steered.primary_score[b], 3),
               shown_number(mean_score(steering.placebo, b), 3)});
  }
  table.fit(style.width - 2);
  table.write("  ", paint, out);
}

}  // namespace

void write_steer_terminal(const Steering& steering, const TerminalStyle& style, std::ostream& out) {
  const Paint paint(style);
  const auto n = static_cast<std::int64_t>(steering.steered.tokens.size());
  std::string head = fmt::format("{} changed; {}, at most {} away", counted(n, "token"),
                                 counted(static_cast<std::int64_t>(steering.placebo.size()), "placebo draw"),
                                 counted(steering.placebo_distance, "position"));
  if (static_cast<int>(steering.placebo.size()) < steering.n_wanted) {
    head += fmt::format("; too few ordinary tokens for {} draws", steering.n_wanted);
  }
  out << wrapped("", head, style.width);
  write_tokens(steering, style, paint, out);
  out << wrapped("", fmt::format("the primary at position {}; queries behind it and a changed token: {}", steering.primary,
                                 grouped(steering.n_queries)),
                 style.width);
  write_primary(steering, style, paint, out);
  if (steering.steered.primary != steering.primary) {
    const auto& primary = steering.steered.primary;
    out << fmt::format("  the primary of the steered run: {}\n", primary ? fmt::format("position {}", *primary) : "none");
  }
  if (!steering.steered.effect) return;
  double loss = 0, kl = 0;
  for (const SteeredRun& draw : steering.placebo) {
    loss += draw.effect->loss / static_cast<double>(steering.placebo.size());
    kl += draw.effect->kl / static_cast<double>(steering.placebo.size());
  }
  out << fmt::format("  next-token loss {}", signed_fixed(steering.steered.effect->loss, 4));
  if (!steering.placebo.empty()) out << fmt::format(", placebo {}", signed_fixed(loss, 4));
  out << fmt::format("; KL {}", fixed(steering.steered.effect->kl, 4));
  if (!steering.placebo.empty()) out << fmt::format(", placebo {}", fixed(kl, 4));
  out << " (nats)\n";
}

}  // namespace sinkscope
