#include "impact/placebo.h"

#include <algorithm>
#include <cstdlib>

#include "base/index.h"
#include "base/statistics/random.h"

namespace sinkscope {

Placebo draw_placebo(std::span<const std::uint8_t> ordinary, std::span<const RemovedToken> removed, int n_draws,
                     std::uint64_t seed, std::uint64_t stream) {
  std::vector<std::uint8_t> free(ordinary.begin(), ordinary.end());
  for (const RemovedToken& token : removed) {
    for (int t = std::max(0, token.position - 1); t <= token.position + 1 && index(t) < free.size(); ++t) {
      free[index(t)] = 0;
    }
  }
  RandomStream random(seed, stream);
  std::vector<std::vector<int>> drawn;  // [removed] of positions
  std::size_t n_made = removed.empty() ? 0 : index(n_draws);
  for (const RemovedToken& token : removed) {
    std::vector<int> near;
    for (std::size_t t = 0; t < free.size(); ++t) {
      if (free[t] != 0) near.push_back(static_cast<int>(t));
    }
    std::ranges::stable_sort(near, std::ranges::less(), [&](int t) { return std::abs(t - token.position); });
    near.resize(std::min(near.size(), 2 * index(n_draws)));
    random.shuffle(std::span(near));
    near.resize(std::min(near.size(), index(n_draws)));
    for (const int t : near) free[index(t)] = 0;
    n_made = std::min(n_made, near.size());
    drawn.push_back(std::move(near));
  }
  Placebo placebo;
  placebo.n_wanted = n_draws;
  for (std::size_t draw = 0; draw < n_made; ++draw) {
    std::vector<RemovedToken>& tokens = placebo.draws.emplace_back();
    for (std::size_t i = 0; i < removed.size(); ++i) {
      const int position = drawn[i][draw];
      tokens.push_back({position, removed[i].l_start, removed[i].l_end, std::nullopt});
      placebo.max_distance = std::max(placebo.max_distance, std::abs(position - removed[i].position));
    }
  }
  return placebo;
}

}  // namespace sinkscope
