#include "sinks/far_neighbours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "base/statistics.h"
#include "measure/ordinary.h"
#include "sinks/attention_figures.h"

namespace sinkscope {

float log_far_boost(float boost) {
  constexpr float kLeast = 1e-6F;
  return std::log(std::max(boost, kLeast));
}

FarNeighbours::FarNeighbours(const SequenceMeasurement& m, std::size_t layer) {
  // As for norm ratios: with so few tokens nothing is known of ordinary ones.
  if (m.roles.n_counted.empty() || m.roles.n_counted.back() < kMinOrdinaryTokens) return;
  // A block reads the states of the layer before; those before the first block are not measured.
  const auto norms = m.hidden_norm.row(layer == 0 ? 0 : layer - 1);
  std::vector<float> scratch;
  const auto ordinary = ordinary_norms(norms, m.roles.may_be_ordinary, scratch);
  if (!ordinary) return;
  for (std::size_t key = 0; key < norms.size(); ++key) {
    if (!m.roles.may_be_ordinary[key] || norms[key] > ordinary->limit) continue;
    if (const auto far = far_figures(m, layer, key)) add(key, far->boost);
  }
}

void FarNeighbours::add(std::size_t key, float boost) {
  keys_.push_back(key);
  log_boosts_.push_back(log_far_boost(boost));
}

std::optional<FarStanding> FarNeighbours::standing_of(std::size_t key, float boost) const {
  const auto after = static_cast<std::size_t>(std::ranges::lower_bound(keys_, key) - keys_.begin());
  const bool is_among = after < keys_.size() && keys_[after] == key;
  const std::size_t others = keys_.size() - is_among;
  if (others < kMinFarNeighbours) return std::nullopt;
  const std::size_t n = std::min(others, kFarNeighbours);
  // Of the others, `after` lie before the key.
  const std::size_t first = std::min(after - std::min(after, n / 2), others - n);
  std::array<float, kFarNeighbours> buffer;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t other = first + i;
    buffer[i] = log_boosts_[is_among && other >= after ? other + 1 : other];
  }
  const std::span<float> near(buffer.data(), n);
  const float median = median_of(near);
  for (float& value : near) value = std::abs(value - median);
  constexpr float kNormal = 1.4826F;  // standard deviation of a normal variable / its median distance from the median
  const float spread = std::max(kNormal * median_of(near), kMinFarSpread);
  return FarStanding{(log_far_boost(boost) - median) / spread, spread};
}

}  // namespace sinkscope
