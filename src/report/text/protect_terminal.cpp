#include "report/text/protect_terminal.h"

#include <fmt/format.h>

#include <ostream>

#include "base/display_text.h"
#include "base/words.h"
#include "report/keep_prefix_words.h"
#include "report/text/table.h"

namespace sinkscope {
namespace {

std::string interval_text(const std::optional<Interval>& interval) {
  return interval ? fmt::format("[{}, {}]", fixed(interval->low, 4), fixed(interval->high, 4)) : kNotMeasured;
}

std::string difference_text(const std::optional<Estimate>& estimate) {
  if (!estimate) return kNotMeasured;
  if (!estimate->interval) return signed_fixed(estimate->mean, 4);
  return fmt::format("{} [{}, {}]", signed_fixed(estimate->mean, 4), signed_fixed(estimate->interval->low, 4),
                     signed_fixed(estimate->interval->high, 4));
}

void write_cache(const JudgedCache& cache, const TerminalStyle& style, const Paint& paint, std::ostream& out) {
  const std::string judged = cache.n_judging > 0
                                 ? fmt::format("by the tokens that it {}; figures of {}", verb_of(cache.cache),
                                               counted(cache.n_judging, "document"))
                                 : "no text is long enough for it";
  out << wrapped(paint.bold(word_of(cache.cache)) + ": ", judged, style.width);
  if (cache.n_judging == 0) return;
  Table table({{"", "set", false, 9},
               {"", "tokens", true, 8},
               {"", "KL", true, 9},
               {"", "95 %", true, 6},
               {"", "loss", true, 7},
               {"KL against", "first n", true, 5},
               {"", "placebo", true, 4}});
  for (const JudgedSet& set : cache.sets) {
    const bool chosen = set.set == cache.recommended;
    const std::string name(name_of(set.set));
    if (!set.kl) {
      table.add({name, kNotMeasured, kNotMeasured, kNotMeasured, kNotMeasured, kNotMeasured, kNotMeasured});
      continue;
    }
    table.add({chosen ? paint.primary(name) : name, fmt::format("{:.1f}", *set.n_kept),
               fixed(set.kl->mean, 4), interval_text(set.kl->interval), signed_fixed(*set.loss, 4),
               difference_text(set.to_first_n), difference_text(set.to_placebo)});
  }
  table.fit(style.width - 2);
  table.write("  ", paint, out);
  const std::string lead =
      cache.recommended ? fmt::format("  {}: ", paint.primary(std::string(name_of(*cache.recommended)))) : "  ";
  out << wrapped(lead, cache.reason, style.width) << '\n';
}

}  // namespace

void write_protect_terminal(const std::vector<SequenceProtection>& sequences, const JudgedProtection& judged,
                            const TerminalStyle& style, std::ostream& out) {
  const Paint paint(style);
  std::int64_t n_sinks = 0, n_with = 0;
  for (const SequenceProtection& sequence : sequences) {
    const auto n = static_cast<std::int64_t>(sequence.positions.size() - sequence.primary.size());
    n_sinks += n;
    if (n > 0) ++n_with;
  }
  out << wrapped("",
                 fmt::format("{} beside the primary in {} of {}; KL(full cache || this cache) and change of the next "
                             "token's loss, in nats a token",
                             counted(n_sinks, "sink"), grouped(n_with),
                             counted(static_cast<std::int64_t>(sequences.size()), "sequence")),
                 style.width)
      << '\n';
  for (const JudgedCache& cache : judged.caches) write_cache(cache, style, paint, out);
  if (!judged.prefix) return;
  out << "llama.cpp: " << paint.bold(llama_flags(*judged.prefix)) << '\n';
  for (const std::string& warning : llama_warnings(*judged.prefix)) out << wrapped("  - ", warning, style.width);
}

void write_detector_terminal(const MeasuredDetector& measured, const TerminalStyle& style, std::ostream& out) {
  const TrainedDetector& trained = measured.trained;
  const SinkDetector& detector = trained.detector;
  std::string line = fmt::format("after block {}, norm over {:.3g} ({:.3g} x ordinary) and cosine with the axis over {:.2f}",
                                 detector.layer, detector.min_norm_ratio * detector.ordinary_norm,
                                 detector.min_norm_ratio, detector.min_cosine);
  if (trained.recall) {
    line += fmt::format("; it names {} of {} and {}", grouped(*trained.n_found), counted(*trained.n_sinks, "sink"),
                        counted(*trained.n_false, "other token"));
  }
  for (const DetectedCache& cache : measured.caches) {
    if (cache.kl) line += fmt::format("; {} that {} what it names: KL {:.4f}", word_of(cache.cache), verb_of(cache.cache), *cache.kl);
  }
  out << wrapped(Paint(style).bold("detector") + ": ", line + "; " + trained.reason, style.width);
}

}  // namespace sinkscope
