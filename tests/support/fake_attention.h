#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/views.h"
#include "probe/observer.h"

namespace sinkscope {

// Column sums of attention that is given row by row: the event of one layer and micro-batch, made slowly.
class FakeAttention {
 public:
  // watched  as Observer::watched_keys gave it; valid as long as the object
  FakeAttention(int layer, int first_query, int n_queries, int n_heads, std::span<const std::int32_t> watched,
                int min_distance, std::span<const std::int32_t> keys_by_head = {})
      : learned_mass(static_cast<std::size_t>(n_heads)),
        layer_(layer),
        first_(first_query),
        n_queries_(n_queries),
        min_distance_(min_distance),
        watched_(watched),
        sums_(learned_mass.size(), static_cast<std::size_t>(first_query + n_queries)),
        far_sums_(sums_),
        queries_(sums_.cols()),
        far_queries_(sums_.cols()),
        far_uniform_(sums_.cols()),
        watched_attention_(static_cast<std::size_t>(n_queries), watched.size()),
        watched_logit_(watched_attention_.rows(), watched.size(), -1e30F),
        watched_visible_(watched_attention_.rows(), watched.size()),
        keys_by_head_(keys_by_head),
        log_z_(learned_mass.size(), static_cast<std::size_t>(n_queries)),
        by_head_(learned_mass.size() * static_cast<std::size_t>(n_queries), keys_by_head.size()),
        seen_by_head_(static_cast<std::size_t>(n_queries), keys_by_head.size()) {}

  // One query's row of one head. Call it for each head of each query.
  //
  // first_key   of the query's sequence, in the pack
  // attention   [query - first_key + 1] sums to 1 less learned mass
  // logits      [query - first_key + 1]; -inf where the key is hidden
  void add_row(std::size_t head, int query, int first_key, std::span<const double> attention,
               std::span<const float> logits) {
    const auto row = static_cast<std::size_t>(query - first_);
    const auto share = 1 / static_cast<double>(learned_mass.size());
    const auto hidden = [&](std::size_t k) { return logits[k] == -std::numeric_limits<float>::infinity(); };
    std::size_t n_seen = 0;
    for (std::size_t k = 0; k < attention.size(); ++k) n_seen += !hidden(k);
    for (std::size_t k = 0; k < attention.size(); ++k) {
      if (hidden(k)) continue;
      const std::size_t key = static_cast<std::size_t>(first_key) + k;
      const bool far = static_cast<int>(attention.size() - 1 - k) >= min_distance_;
      sums_(head, key) += static_cast<float>(attention[k]);
      if (far) far_sums_(head, key) += static_cast<float>(attention[k]);
      if (head > 0) continue;
      ++queries_[key];
      far_queries_[key] += far;
      if (far) far_uniform_[key] += 1 / static_cast<double>(n_seen);
    }
    const auto largest = static_cast<std::size_t>(std::ranges::max_element(attention) - attention.begin());
    log_z_(head, row) = static_cast<float>(static_cast<double>(logits[largest]) - std::log(attention[largest]));
    for (std::size_t i = 0; i < keys_by_head_.size(); ++i) {
      if (keys_by_head_[i] < first_key || keys_by_head_[i] > query) continue;
      const auto k = static_cast<std::size_t>(keys_by_head_[i] - first_key);
      if (hidden(k)) continue;
      seen_by_head_(row, i) = 1;
      by_head_(head * static_cast<std::size_t>(n_queries_) + row, i) = static_cast<float>(attention[k]);
    }
    for (std::size_t w = 0; w < watched_.size(); ++w) {
      if (watched_[w] < first_key || watched_[w] > query) continue;
      const auto k = static_cast<std::size_t>(watched_[w] - first_key);
      if (hidden(k)) continue;
      if (head == 0) watched_logit_(row, w) = 0;
      watched_visible_(row, w) = 1;
      watched_attention_(row, w) += static_cast<float>(share * attention[k]);
      watched_logit_(row, w) += static_cast<float>(share * static_cast<double>(logits[k]));
    }
  }

  // returns  views of this object
  AttentionEvent event() const {
    return {layer_,
            first_,
            n_queries_,
            first_ + n_queries_,
            static_cast<int>(learned_mass.size()),
            1,
            sums_.view(),
            far_sums_.view(),
            learned_mass,
            {queries_, far_queries_, far_uniform_, {}},
            watched_,
            watched_attention_.view(),
            watched_logit_.view(),
            watched_visible_.view(),
            {},
            keys_by_head_.empty() ? HeadAttention{}
                                  : HeadAttention{keys_by_head_, log_z_.view(), by_head_.view(), seen_by_head_.view()}};
  }

  std::vector<double> learned_mass;  // [n_heads]

 private:
  int layer_, first_, n_queries_, min_distance_;
  std::span<const std::int32_t> watched_;
  Matrix<float> sums_, far_sums_;
  std::vector<std::int32_t> queries_, far_queries_;
  std::vector<double> far_uniform_;
  Matrix<float> watched_attention_, watched_logit_;
  Matrix<std::uint8_t> watched_visible_;
  std::span<const std::int32_t> keys_by_head_;
  Matrix<float> log_z_, by_head_;
  Matrix<std::uint8_t> seen_by_head_;
};

}  // namespace sinkscope
