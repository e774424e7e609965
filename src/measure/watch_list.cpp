#include "measure/watch_list.h"

#include <algorithm>
#include <utility>

namespace sinkscope {

WatchList::WatchList(int n_layers, int n_heads, int n_tokens, std::vector<int> candidates)
    : n_layers_(static_cast<std::size_t>(n_layers)),
      n_heads_(static_cast<std::size_t>(n_heads)),
      candidates_(std::move(candidates)),
      state_(static_cast<std::size_t>(n_tokens), kUnwatched) {
  for (const int c : candidates_) {
    keys_.push_back(new_key(c));
    state_[static_cast<std::size_t>(c)] = kWatched;
  }
}

WatchList::Key WatchList::new_key(int position) const {
  const std::vector<std::int32_t> none(n_layers_);
  return {position, std::vector<Gap>(n_layers_), Matrix<double>(n_layers_, n_heads_), none, none};
}

void WatchList::watch(int position) {
  auto& state = state_[static_cast<std::size_t>(position)];
  if (state != kUnwatched) return;
  if (keys_.size() == candidates_.size() + kWatchedKeys) {
    state = kOverflowed;
    ++n_overflow_;
    return;
  }
  state = kWatched;
  const auto after =
      std::upper_bound(keys_.begin(), keys_.end(), position, [](int p, const Key& key) { return p < key.position; });
  keys_.insert(after, new_key(position));
}

void WatchList::append_keys(int end, int first_key, std::vector<std::int32_t>& keys) const {
  for (const Key& key : keys_) {
    if (key.position < end) keys.push_back(first_key + key.position);
  }
}

void WatchList::add_gaps(const AttentionEvent& event, int first_key, int first_row, int n_rows, int min_distance) {
  constexpr std::size_t kWidth = kPrimaryCandidates;
  const auto rows = static_cast<std::size_t>(n_rows);
  const auto layer = static_cast<std::size_t>(event.layer);
  const int first_position = event.first_query + first_row - first_key;
  const auto row_of_event = [&](std::size_t q) { return static_cast<std::size_t>(first_row) + q; };
  const auto is_far = [&](std::size_t q, int position) {
    return first_position + static_cast<int>(q) - position >= min_distance;
  };

  candidate_logit_.assign(rows * kWidth, 0.0F);
  candidate_far_.assign(rows * kWidth, 0.0F);
  for (std::size_t column = 0; column < event.watched.size(); ++column) {
    const int position = event.watched[column] - first_key;
    const auto found = std::ranges::lower_bound(candidates_, position);
    if (found == candidates_.end() || *found != position) continue;
    const auto c = static_cast<std::size_t>(found - candidates_.begin());
    for (std::size_t q = 0; q < rows; ++q) {
      if (!event.watched_visible(row_of_event(q), column) || !is_far(q, position)) continue;
      candidate_logit_[q * kWidth + c] = event.watched_logit(row_of_event(q), column);
      candidate_far_[q * kWidth + c] = 1.0F;
    }
  }

  auto key = keys_.begin();
  for (std::size_t column = 0; column < event.watched.size(); ++column) {
    const int position = event.watched[column] - first_key;
    if (position < 0 || position >= static_cast<int>(state_.size())) continue;
    while (key != keys_.end() && key->position < position) ++key;
    if (key == keys_.end()) break;
    if (key->position != position) continue;
    float sum[kWidth] = {};
    float queries[kWidth] = {};
    for (std::size_t q = 0; q < rows; ++q) {
      if (!event.watched_visible(row_of_event(q), column) || !is_far(q, position)) continue;
      const float logit = event.watched_logit(row_of_event(q), column);
      const float* candidate = candidate_logit_.data() + q * kWidth;
      const float* far = candidate_far_.data() + q * kWidth;
      for (std::size_t c = 0; c < kWidth; ++c) {
        sum[c] += far[c] * (logit - candidate[c]);
        queries[c] += far[c];
      }
    }
    Gap& gap = key->by_layer[layer];
    for (std::size_t c = 0; c < kWidth; ++c) {
      gap.sum[c] += static_cast<double>(sum[c]);
      gap.queries[c] += static_cast<std::int32_t>(queries[c]);
    }
  }
}

void WatchList::add_evictions(const AttentionEvent& event, int first_key) {
  const EvictionCosts& of_event = event.eviction;
  const auto layer = static_cast<std::size_t>(event.layer);
  for (std::size_t column = 0; column < of_event.far_queries.size(); ++column) {
    if (of_event.far_queries[column] == 0) continue;
    const auto key = std::ranges::lower_bound(keys_, event.watched[column] - first_key, {}, &Key::position);
    if (key == keys_.end() || key->position != event.watched[column] - first_key) continue;
    key->far_queries[layer] += of_event.far_queries[column];
    for (std::size_t head = 0; head < of_event.cost.rows(); ++head) {
      key->eviction_cost(layer, head) += of_event.cost(head, column);
      key->eviction_left_out[layer] += of_event.left_out(head, column);
    }
  }
}

void WatchList::finish(SequenceMeasurement& measurement) const {
  measurement.n_watch_overflow = n_overflow_;
  measurement.watched.clear();
  measurement.logit_gap_sum = Cube<double>(n_layers_, keys_.size(), candidates_.size());
  measurement.logit_gap_queries = Cube<std::int32_t>(n_layers_, keys_.size(), candidates_.size());
  measurement.eviction_cost = Cube<double>(n_layers_, keys_.size(), n_heads_);
  measurement.eviction_left_out = Matrix<std::int32_t>(n_layers_, keys_.size());
  measurement.eviction_queries = Matrix<std::int32_t>(n_layers_, keys_.size());
  for (std::size_t k = 0; k < keys_.size(); ++k) {
    measurement.watched.push_back(keys_[k].position);
    for (std::size_t layer = 0; layer < n_layers_; ++layer) {
      const Gap& gap = keys_[k].by_layer[layer];
      std::ranges::copy(keys_[k].eviction_cost.row(layer), measurement.eviction_cost.row(layer, k).begin());
      measurement.eviction_left_out(layer, k) = keys_[k].eviction_left_out[layer];
      measurement.eviction_queries(layer, k) = keys_[k].far_queries[layer];
      for (std::size_t c = 0; c < candidates_.size(); ++c) {
        measurement.logit_gap_sum(layer, k, c) = gap.sum[c];
        measurement.logit_gap_queries(layer, k, c) = gap.queries[c];
      }
    }
  }
}

}  // namespace sinkscope
