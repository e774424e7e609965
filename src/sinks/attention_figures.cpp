#include "sinks/attention_figures.h"

#include <algorithm>

#include "sinks/figures.h"

namespace sinkscope {

std::optional<KeyScores> key_scores(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const int queries = m.visible_queries(layer, key);
  const auto heads = static_cast<std::size_t>(m.heads_in_layer[layer]);
  if (!m.has_attention[layer] || queries <= 0 || heads == 0) return std::nullopt;
  const auto groups = static_cast<std::size_t>(std::max(1, m.kv_heads_in_layer[layer]));
  const std::size_t group_size = std::max<std::size_t>(1, heads / groups);
  constexpr float kHighScore = 0.3F;
  KeyScores scores;
  double sum = 0;
  double group_sum = 0;
  std::size_t high = 0;
  for (std::size_t h = 0; h < heads; ++h) {
    const float score = m.attention_sum(layer, h, key) / static_cast<float>(queries);
    sum += static_cast<double>(score);
    group_sum += static_cast<double>(score);
    scores.head_max = std::max(scores.head_max, score);
    high += score > kHighScore;
    const std::size_t in_group = h % group_size + 1;
    if (in_group == group_size || h + 1 == heads) {
      scores.group_max = std::max(scores.group_max, static_cast<float>(group_sum / static_cast<double>(in_group)));
      group_sum = 0;
    }
  }
  scores.mean = static_cast<float>(sum / static_cast<double>(heads));
  scores.heads_over_03_frac = static_cast<float>(high) / static_cast<float>(heads);
  return scores;
}

std::optional<FarFigures> far_figures(const SequenceMeasurement& m, std::size_t layer, std::size_t key) {
  const int queries = m.far_queries(layer, key);
  const auto heads = static_cast<std::size_t>(m.heads_in_layer[layer]);
  if (!m.has_attention[layer] || queries < kMinFarQueries || heads == 0) return std::nullopt;
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
  figures.score = static_cast<float>(mean / queries);
  figures.boost = static_cast<float>(mean / uniform);
  return figures;
}

}  // namespace sinkscope
