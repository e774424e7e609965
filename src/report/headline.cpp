#include "report/headline.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/words.h"

namespace sinkscope {
namespace {

bool of_one_text(const Findings& found) { return found.texts.size() == 1; }

std::string texts_with_sinks(const Findings& found) {
  const auto n = std::ranges::count_if(found.texts, [](const FoundText& text) { return text.counts.sinks() > 0; });
  const auto all = static_cast<std::int64_t>(found.texts.size());
  return n == all ? fmt::format("each of {} texts", grouped(all)) : fmt::format("{} of {} texts", grouped(n), grouped(all));
}

// 6 secondary sinks; 12 sinks, where they are of several kinds; 1 group of equal states, where no token is a sink by itself.
std::string sinks_in_words(const Findings& found) {
  const std::int64_t n = found.counts.sinks();
  if (n == found.counts.counted_groups) return counted(n, "group") + " of equal states";
  for (const SinkKind kind : {SinkKind::kPrimaryLike, SinkKind::kSecondary, SinkKind::kUnaligned}) {
    if (found.counts.of(kind) == n) return fmt::format("{} {}", grouped(n), plural(n, std::string(kind_name(kind)) + " sink"));
  }
  return counted(n, "sink");
}

}  // namespace

std::string headline(const Findings& found) {
  const AttentionTaken& taken = found.taken;
  if (found.rule == Rule::kPaper) {
    return fmt::format("{} of {} are flagged by the paper\u2019s rule", grouped(found.counts.of(Verdict::kSink)),
                       counted(found.n_tokens, "token"));
  }
  const std::int64_t n_sinks = found.counts.sinks();
  const bool no_primary = found.counts.of(SinkKind::kPrimary) == 0;
  if (no_primary && n_sinks == 0) return "No primary sink, and no others";
  const std::string where = of_one_text(found) ? "" : fmt::format(" in {}", texts_with_sinks(found));
  if (n_sinks == 0) {
    return of_one_text(found) ? "No sink beside the primary"
                              : fmt::format("No sink beside the primary in {}", counted(static_cast<std::int64_t>(found.texts.size()), "text"));
  }
  const std::string sinks = sinks_in_words(found);
  if (no_primary) return fmt::format("{}{}, and no primary", sinks, where);
  if (!taken.sinks) return sinks + (where.empty() ? " beside the primary" : where);
  if (!of_one_text(found)) {
    return fmt::format("{}{}: up to {} of a block\u2019s attention in the middle text", sinks, where, in_percent(taken.sinks));
  }
  return fmt::format("{} {} up to {} of a block\u2019s attention", sinks, n_sinks == 1 ? "takes" : "take", in_percent(taken.sinks));
}

std::string attention_sentence(const Findings& found) {
  const AttentionTaken& taken = found.taken;
  if (found.rule == Rule::kPaper || taken.n_texts == 0) return "";
  if (of_one_text(found)) {
    std::string words = taken.of_one_text;
    if (!words.empty()) words.replace(0, 1, "I");  // "in blocks ..."
    return words.empty() ? "" : words + ".";
  }
  if (!taken.sinks) return fmt::format("In the middle text the primary takes up to {} of a block\u2019s attention.", in_percent(taken.primary));
  return fmt::format(
      "In the middle text the sinks take up to {} of a block\u2019s attention (median over {} with sinks), the primary up to {} "
      "(over {}).",
      in_percent(taken.sinks), counted(taken.n_with_sinks, "text"), in_percent(taken.primary), grouped(taken.n_texts));
}

}  // namespace sinkscope
