#include "plant/trial/primary_meter.h"

#include <algorithm>

namespace sinkscope {

void PrimaryMeter::begin(int key) {
  key_ = key;
  sums_.clear();
  visible_ = 0;
}

std::optional<float> PrimaryMeter::score() const {
  if (sums_.empty() || visible_ == 0) return std::nullopt;
  double sum = 0;
  for (const float of_head : sums_) sum += static_cast<double>(of_head);
  return static_cast<float>(sum / static_cast<double>(sums_.size()) / visible_);
}

std::optional<double> PrimaryMeter::logit() const {
  if (logit_queries_ == 0) return std::nullopt;
  return logit_sum_ / static_cast<double>(logit_queries_);
}

void PrimaryMeter::on_attention(const AttentionEvent& event) {
  if (key_ >= event.n_keys) return;
  const auto key = static_cast<std::size_t>(key_);
  sums_.resize(event.sums.rows(), 0.0F);
  for (std::size_t head = 0; head < sums_.size(); ++head) sums_[head] += event.sums(head, key);
  visible_ += event.visibility.queries[key];
  add_logits(event);
}

void PrimaryMeter::add_logits(const AttentionEvent& event) {
  const auto at = std::find(event.watched.begin(), event.watched.end(), key_);
  if (at == event.watched.end()) return;
  const auto column = static_cast<std::size_t>(at - event.watched.begin());
  for (int q = 0; q < event.n_queries; ++q) {
    const auto row = static_cast<std::size_t>(q);
    if (event.first_query + q - key_ < min_distance_ || event.watched_visible(row, column) == 0) continue;
    logit_sum_ += static_cast<double>(event.watched_logit(row, column));
    ++logit_queries_;
  }
}

}  // namespace sinkscope
