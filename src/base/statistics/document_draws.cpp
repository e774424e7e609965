#include "base/statistics/document_draws.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/statistics/random.h"

namespace sinkscope {

std::uint64_t stream_of_document(const std::string& key) {
  std::uint64_t stream = 0;
  std::from_chars(key.data(), key.data() + std::min<std::size_t>(key.size(), 16), stream, 16);
  return stream;
}

std::vector<std::size_t> order_of_draws(std::span<const std::string> keys) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t place) -> const std::string& { return keys[place]; });
  return order;
}

std::vector<std::uint32_t> bootstrap_documents(std::span<const std::size_t> order, std::uint64_t seed,
                                               std::uint64_t draw) {
  const auto weights = bootstrap_weights(order.size(), seed, draw);
  std::vector<std::uint32_t> by_place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) by_place[order[i]] = weights[i];
  return by_place;
}

}  // namespace sinkscope
