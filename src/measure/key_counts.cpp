#include "measure/key_counts.h"

#include <algorithm>
#include <limits>
#include <map>

namespace sinkscope {
namespace {

constexpr std::size_t kNothing = std::numeric_limits<std::size_t>::max();

template <typename T>
void add(const std::vector<T>& part, std::vector<T>& sum) {
  std::ranges::transform(part, sum, sum.begin(), std::plus<>());
}

// To be called before far queries are added.
void add_selected(const KeyCounts::Table& part, KeyCounts::Table& sum) {
  if (part.far_selected.empty() && sum.far_selected.empty()) return;
  if (sum.far_selected.empty()) sum.far_selected = sum.far_queries;
  add(part.far_selected.empty() ? part.far_queries : part.far_selected, sum.far_selected);
}

template <typename T>
std::vector<T> copy_of(std::span<const T> values) {
  return {values.begin(), values.end()};
}

}  // namespace

KeyCounts::KeyCounts(int n_layers, int n_tokens)
    : table_of_layer_(static_cast<std::size_t>(n_layers)),
      noted_of_layer_(static_cast<std::size_t>(n_layers), kNothing) {
  const auto tokens = static_cast<std::size_t>(n_tokens);
  tables_.push_back(
      {std::vector<std::int32_t>(tokens), std::vector<std::int32_t>(tokens), {}, std::vector<double>(tokens)});
}

void KeyCounts::note(int layer, const KeyVisibility& visibility) {
  const auto same = [&](const Table& table) {
    return std::ranges::equal(table.queries, visibility.queries) &&
           std::ranges::equal(table.far_queries, visibility.far_queries) &&
           std::ranges::equal(table.far_selected, visibility.far_selected) &&
           std::ranges::equal(table.far_uniform, visibility.far_uniform);
  };
  const auto found = std::ranges::find_if(noted_, same);
  noted_of_layer_[static_cast<std::size_t>(layer)] = static_cast<std::size_t>(found - noted_.begin());
  if (found != noted_.end()) return;
  noted_.push_back({copy_of(visibility.queries), copy_of(visibility.far_queries), copy_of(visibility.far_selected),
                    copy_of(visibility.far_uniform)});
}

void KeyCounts::add_noted() {
  if (noted_.empty()) return;
  // Which table serves the layers that had one and saw one thing: the first of them keeps it, others get a copy.
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> serving;
  std::vector<std::uint8_t> taken(tables_.size());
  for (std::size_t layer = 0; layer < table_of_layer_.size(); ++layer) {
    const std::size_t old = table_of_layer_[layer], seen = noted_of_layer_[layer];
    const auto [entry, is_new] = serving.try_emplace({old, seen}, old);
    if (is_new) {
      if (taken[old]) {
        entry->second = tables_.size();
        tables_.push_back(Table(tables_[old]));
      }
      taken[old] = 1;
    }
    table_of_layer_[layer] = entry->second;
  }
  for (const auto& [key, table] : serving) {
    if (key.second == kNothing) continue;
    const Table& part = noted_[key.second];
    add(part.queries, tables_[table].queries);
    add_selected(part, tables_[table]);
    add(part.far_queries, tables_[table].far_queries);
    add(part.far_uniform, tables_[table].far_uniform);
  }
  noted_.clear();
  std::ranges::fill(noted_of_layer_, kNothing);
}

void KeyCounts::cut(int n_tokens) {
  for (Table& table : tables_) {
    table.queries.resize(static_cast<std::size_t>(n_tokens));
    table.far_queries.resize(static_cast<std::size_t>(n_tokens));
    if (!table.far_selected.empty()) table.far_selected.resize(static_cast<std::size_t>(n_tokens));
    table.far_uniform.resize(static_cast<std::size_t>(n_tokens));
  }
}

}  // namespace sinkscope
