#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/views.h"
#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"
#include "probe/edit.h"

namespace sinkscope {

// Keeps all that a run shows: every point, column sums, watched keys.
class RunRecord final : public Observer {
 public:
  explicit RunRecord(std::vector<std::int32_t> watched = {}) : watched_(std::move(watched)) {}

  bool wants(ProbePoint, int) override { return true; }
  bool wants_attention(int) override { return true; }
  std::span<const std::int32_t> watched_keys(int) override {
    const auto end = std::ranges::lower_bound(watched_, seen_ + 1);  // keys that are there by now
    return {watched_.begin(), end};
  }
  void on_state(const StateEvent& event) override {
    const std::span all(event.states.data(), event.states.rows() * event.states.cols());
    auto& kept = states[{event.point, event.layer}];
    kept.insert(kept.end(), all.begin(), all.end());
    width[{event.point, event.layer}] = event.states.cols();
    log(all);
  }
  void on_attention(const AttentionEvent& event) override {
    auto& of_layer = sums[event.layer];
    auto& far_of_layer = far_sums[event.layer];
    if (of_layer.empty()) of_layer = far_of_layer = Matrix<double>(event.sums.rows(), kMostTokens);
    for (std::size_t head = 0; head < event.sums.rows(); ++head) {
      double mass = event.learned_mass.empty() ? 0 : event.learned_mass[head];
      for (std::size_t key = 0; key < event.sums.cols(); ++key) {
        of_layer(head, key) += static_cast<double>(event.sums(head, key));
        far_of_layer(head, key) += static_cast<double>(event.far_sums(head, key));
        mass += static_cast<double>(event.sums(head, key));
      }
      EXPECT_NEAR(mass / event.n_queries, 1, 1e-5) << "layer " << event.layer << " head " << head;
      log(event.sums.row(head));
      log(event.far_sums.row(head));
    }
    for (const double mass : event.learned_mass) bits.push_back(std::bit_cast<std::uint64_t>(mass));
    for (const std::int32_t n : event.visibility.queries) bits.push_back(static_cast<std::uint64_t>(n));
    for (const std::int32_t n : event.visibility.far_queries) bits.push_back(static_cast<std::uint64_t>(n));
    for (const double n : event.visibility.far_uniform) bits.push_back(std::bit_cast<std::uint64_t>(n));
    for (std::size_t query = 0; query < event.watched_attention.rows(); ++query) {
      log(event.watched_attention.row(query));
      log(event.watched_logit.row(query));
      for (const std::uint8_t sees : event.watched_visible.row(query)) bits.push_back(sees);
      auto& of_query = watched_attention[event.layer].emplace_back();
      const auto row = event.watched_attention.row(query);
      of_query.assign(row.begin(), row.end());
    }
    visible_queries[event.layer].resize(kMostTokens);
    for (std::size_t key = 0; key < event.visibility.queries.size(); ++key) {
      visible_queries[event.layer][key] += event.visibility.queries[key];
    }
  }
  void on_key_value(const KeyValueEvent& event) override {
    auto& keys = key_norms[event.layer];
    keys.insert(keys.end(), event.key_norm.begin(), event.key_norm.end());
    auto& values = value_norms[event.layer];
    values.insert(values.end(), event.value_norm.begin(), event.value_norm.end());
    log(event.key_norm);
    log(event.value_norm);
  }
  void on_micro_batch_end(int, int n_tokens) override { seen_ += n_tokens; }

  std::span<const float> row(ProbePoint point, int layer, int token) const {
    const std::size_t n = width.at({point, layer});
    return std::span(states.at({point, layer})).subspan(static_cast<std::size_t>(token) * n, n);
  }

  static constexpr std::size_t kMostTokens = 512;
  using Place = std::pair<ProbePoint, int>;
  std::vector<std::uint64_t> bits;  // every number of every event, in order
  std::map<Place, std::vector<float>> states;
  std::map<Place, std::size_t> width;
  std::map<int, Matrix<double>> sums, far_sums;  // [n_heads, key] of all queries
  std::map<int, std::vector<float>> key_norms, value_norms;
  std::map<int, std::vector<std::vector<float>>> watched_attention;  // [query][watched]
  std::map<int, std::vector<int>> visible_queries;                   // [key]

 private:
  void log(std::span<const float> numbers) {
    for (const float number : numbers) bits.push_back(std::bit_cast<std::uint32_t>(number));
  }

  std::vector<std::int32_t> watched_;
  int seen_ = 0;
};

inline RunRecord record(Model& model, const Pack& pack, std::vector<Edit*> edits = {},
                        std::vector<std::int32_t> watched = {}) {
  RunRecord recorded(std::move(watched));
  RunOptions options;
  options.edits = std::move(edits);
  options.min_distance = 16;
  model.run(pack, recorded, options);
  return recorded;
}

inline bool has_products(Precision precision) {
  try {
    resolve_precision(precision);
    return true;
  } catch (const Error&) {
    return false;
  }
}

inline std::vector<TokenId> some_text(int n_tokens, int seed) {
  std::vector<TokenId> tokens{kTinyBos};
  for (int i = 1; i < n_tokens; ++i) tokens.push_back(i % 40 == 17 ? '#' : (i * i * (seed + 7) + 3 * i) % 256);
  return tokens;
}

}  // namespace sinkscope
