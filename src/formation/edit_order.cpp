#include "formation/edit_order.h"

#include <algorithm>
#include <set>

#include "base/index.h"

namespace sinkscope {

std::vector<std::pair<std::size_t, std::size_t>> edit_order(std::span<const std::size_t> sinks, int n_wanted) {
  std::vector<std::size_t> with_sinks;
  for (std::size_t s = 0; s < sinks.size(); ++s) {
    if (sinks[s] > 0) with_sinks.push_back(s);
  }
  std::vector<std::size_t> sequences;
  std::set<std::size_t> taken;
  const std::size_t spread = std::min(index(n_wanted), with_sinks.size());
  for (std::size_t i = 0; i < spread; ++i) {
    sequences.push_back(with_sinks[i * with_sinks.size() / spread]);
    taken.insert(sequences.back());
  }
  for (const std::size_t s : with_sinks) {
    if (!taken.contains(s)) sequences.push_back(s);
  }
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t sink = 0;; ++sink) {
    const std::size_t before = order.size();
    for (const std::size_t s : sequences) {
      if (sink < sinks[s]) order.emplace_back(s, sink);
    }
    if (order.size() == before) return order;
  }
}

}  // namespace sinkscope
