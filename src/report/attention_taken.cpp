#include "report/attention_taken.h"

#include <algorithm>

#include "base/statistics.h"
#include "report/words.h"

namespace sinkscope {

void AttentionTakenSum::add(const SequenceFigures& figures, const Detection& detection) {
  const AttentionShares shares = attention_shares(figures, detection);
  const LayerFigures sinks = shares.sinks();
  if (sinks.empty()) return;
  words_ = attention_in_words(shares, detection);
  // An empty optional is less than any share.
  const std::optional<float> sinks_most = std::ranges::max(sinks), primary_most = std::ranges::max(shares.of(SinkKind::kPrimary));
  if (primary_most) primary_.push_back(*primary_most);
  if (sinks_most.value_or(0) > 0) sinks_.push_back(*sinks_most);
}

AttentionTaken AttentionTakenSum::finish() {
  AttentionTaken taken;
  taken.n_texts = static_cast<std::int64_t>(primary_.size());
  taken.n_with_sinks = static_cast<std::int64_t>(sinks_.size());
  if (!primary_.empty()) taken.primary = median_of(primary_);
  if (!sinks_.empty()) taken.sinks = median_of(sinks_);
  taken.of_one_text = words_;
  return taken;
}

}  // namespace sinkscope
