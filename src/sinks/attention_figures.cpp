#include "sinks/attention_figures.h"

#include <algorithm>

#include "sinks/figures.h"

namespace sinkscope {
namespace {

// How many of the layer's heads have a score of the key: all or none.
std::size_t scored_heads(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const bool scored = m.has_attention[layer] && m.visible_queries(layer, key) > 0;
  return scored ? static_cast<std::size_t>(m.heads_in_layer[layer]) : 0;
}

// The same of far queries.
std::size_t far_scored_heads(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const bool scored = m.has_attention[layer] && m.far_queries(layer, key) >= kMinFarQueries;
  return scored ? static_cast<std::size_t>(m.heads_in_layer[layer]) : 0;
}

// The key's place among the watched ones, if eviction costs of all of its far queries are known.
std::optional<std::size_t> costed_place(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  if (far_scored_heads(m, layer, key) == 0 || m.eviction_queries.empty()) return std::nullopt;
  const auto found = std::ranges::lower_bound(m.watched, static_cast<int>(key));
  if (found == m.watched.end() || *found != static_cast<int>(key)) return std::nullopt;
  const auto place = static_cast<std::size_t>(found - m.watched.begin());
  // A query that did not select the key loses nothing without it.
  return m.eviction_queries(layer, place) == m.far_selected(layer, key).value_or(m.far_queries(layer, key))
             ? std::optional(place)
             : std::nullopt;
}

}  // namespace

std::optional<KeyScores> key_scores(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const std::size_t heads = scored_heads(m, layer, key);
  if (heads == 0) return std::nullopt;
  const auto queries = static_cast<float>(m.visible_queries(layer, key));
  const auto groups = static_cast<std::size_t>(std::max(1, m.kv_heads_in_layer[layer]));
  const std::size_t group_size = std::max<std::size_t>(1, heads / groups);
  KeyScores scores;
  double sum = 0;
  double group_sum = 0;
  std::array<std::size_t, kSinkRates.size()> high{};
  for (std::size_t h = 0; h < heads; ++h) {
    const float score = m.attention_sum(layer, h, key) / queries;
    sum += static_cast<double>(score);
    group_sum += static_cast<double>(score);
    scores.head_max = std::max(scores.head_max, score);
    for (std::size_t i = 0; i < high.size(); ++i) high[i] += score > kSinkRates[i];
    const std::size_t in_group = h % group_size + 1;
    if (in_group == group_size || h + 1 == heads) {
      scores.group_max = std::max(scores.group_max, static_cast<float>(group_sum / static_cast<double>(in_group)));
      group_sum = 0;
    }
  }
  scores.mean = static_cast<float>(sum / static_cast<double>(heads));
  for (std::size_t i = 0; i < high.size(); ++i) {
    scores.sink_rate[i] = static_cast<float>(high[i]) / static_cast<float>(heads);
  }
  scores.attention_share =
      static_cast<float>(sum / static_cast<double>(heads) * static_cast<double>(queries) / m.n_tokens);
  return scores;
}

std::optional<FarFigures> far_figures(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const std::size_t heads = far_scored_heads(m, layer, key);
  if (heads == 0) return std::nullopt;
  constexpr double kHighBoost = 10;
  const double uniform = m.far_uniform(layer, key);
  FarFigures figures;
  double sum = 0;
  for (std::size_t h = 0; h < heads; ++h) {
    const auto of_head = static_cast<double>(m.attention_far_sum(layer, h, key));
    sum += of_head;
    figures.heads_over_10 += of_head >= kHighBoost * uniform;
  }
  const double mean = sum / static_cast<double>(heads);
  figures.score = static_cast<float>(mean / m.far_queries(layer, key));
  figures.boost = static_cast<float>(mean / uniform);
  return figures;
}

std::optional<FarSums> far_sums(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const auto heads = static_cast<std::size_t>(m.heads_in_layer[layer]);
  if (!m.has_attention[layer] || heads == 0 || m.far_queries(layer, key) == 0) return std::nullopt;
  double sum = 0;
  for (std::size_t h = 0; h < heads; ++h) sum += static_cast<double>(m.attention_far_sum(layer, h, key));
  return FarSums{sum / static_cast<double>(heads), m.far_uniform(layer, key)};
}

std::optional<float> selection_rate(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const auto selected = m.far_selected(layer, key);
  if (!selected || far_scored_heads(m, layer, key) == 0) return std::nullopt;
  return static_cast<float>(*selected) / static_cast<float>(m.far_queries(layer, key));
}

std::optional<EvictionFigures> eviction_figures(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const auto place = costed_place(m, layer, key);
  if (!place) return std::nullopt;
  double sum = 0;
  const auto heads = static_cast<std::size_t>(m.heads_in_layer[layer]);
  for (std::size_t h = 0; h < heads; ++h) sum += m.eviction_cost(layer, *place, h);
  return EvictionFigures{static_cast<float>(sum / static_cast<double>(heads)), m.eviction_left_out(layer, *place)};
}

std::optional<float> eviction_cost_of_head(const SequenceMeasurement& m, std::size_t layer, std::size_t head,
                                           std::size_t key) {
  if (head >= far_scored_heads(m, layer, key)) return std::nullopt;
  const auto place = costed_place(m, layer, key);
  return place ? std::optional(static_cast<float>(m.eviction_cost(layer, *place, head))) : std::nullopt;
}

std::optional<float> learned_share(const SequenceMeasurement& m, std::size_t layer) {
  if (!m.has_attention[layer]) return std::nullopt;
  const auto heads = static_cast<std::size_t>(m.heads_in_layer[layer]);
  double sum = 0;
  for (std::size_t h = 0; h < heads; ++h) sum += m.learned_mass(layer, h);
  return static_cast<float>(sum / static_cast<double>(heads) / m.n_tokens);
}

std::optional<float> score_of_head(const SequenceMeasurement& m, std::size_t layer, std::size_t head, std::size_t key) {
  if (head >= scored_heads(m, layer, key)) return std::nullopt;
  return m.attention_sum(layer, head, key) / static_cast<float>(m.visible_queries(layer, key));
}

std::optional<float> attention_share_of_head(const SequenceMeasurement& m, std::size_t layer, std::size_t head,
                                             std::size_t key) {
  if (head >= scored_heads(m, layer, key)) return std::nullopt;
  return m.attention_sum(layer, head, key) / static_cast<float>(m.n_tokens);
}

std::optional<float> far_boost_of_head(const SequenceMeasurement& m, std::size_t layer, std::size_t head,
                                       std::size_t key) {
  if (head >= far_scored_heads(m, layer, key)) return std::nullopt;
  return static_cast<float>(static_cast<double>(m.attention_far_sum(layer, head, key)) / m.far_uniform(layer, key));
}

}  // namespace sinkscope
