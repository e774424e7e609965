#include "impact/attention_recorder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

// Places of positions among the event's keys; those that have not come yet are left out.
std::vector<std::size_t> places_of(std::span<const std::int32_t> keys, std::span<const int> positions) {
  std::vector<std::size_t> places;
  for (const int position : positions) {
    const auto found = std::ranges::lower_bound(keys, position);
    if (found != keys.end() && *found == position) places.push_back(static_cast<std::size_t>(found - keys.begin()));
  }
  return places;
}

float sum_of(std::span<const float> attention, std::span<const std::size_t> places) {
  double sum = 0;
  for (const std::size_t place : places) sum += static_cast<double>(attention[place]);
  return static_cast<float>(sum);
}

}  // namespace

AttentionRecorder::AttentionRecorder(RecordPlan plan) : plan_(std::move(plan)), records_(plan_.blocks.size()) {
  for (std::size_t l = 0; l < records_.size(); ++l) records_[l].groups.resize(plan_.blocks[l].groups.size());
}

std::span<const std::int32_t> AttentionRecorder::keys_by_head(int layer) {
  std::set<std::int32_t> keys(plan_.primary_set.begin(), plan_.primary_set.end());
  for (const std::vector<int>& group : block(layer).groups) keys.insert(group.begin(), group.end());
  keys_.assign(keys.begin(), keys.lower_bound(n_tokens_));
  return keys_;
}

bool AttentionRecorder::is_recorded(const AttentionEvent& event, std::size_t row, const BlockKeys& keys) const {
  const int query = event.first_query + static_cast<int>(row);
  if (!plan_.choose_queries) return std::ranges::binary_search(keys.queries, query);
  const auto sees = [&](int position) {
    if (query - position < plan_.min_distance) return false;
    const auto found = std::ranges::lower_bound(event.by_head.keys, position);
    return found != event.by_head.keys.end() && *found == position &&
           event.by_head.visible(row, static_cast<std::size_t>(found - event.by_head.keys.begin())) != 0;
  };
  return sees(plan_.primary) && std::ranges::any_of(keys.groups.front(), sees);
}

void AttentionRecorder::on_attention(const AttentionEvent& event) {
  const BlockKeys& keys = block(event.layer);
  const HeadAttention& by_head = event.by_head;
  if (event.first_query + event.n_queries != event.n_keys || by_head.log_z.cols() != index(event.n_queries)) {
    throw Error(ErrorCode::kInternal, "attention record: expected the keys by head of one sequence, got others");
  }
  BlockRecord& record = records_[index(event.layer)];
  record.n_heads = event.n_heads;
  const auto primary = places_of(by_head.keys, plan_.primary_set);
  std::vector<std::vector<std::size_t>> groups;
  for (const std::vector<int>& group : keys.groups) groups.push_back(places_of(by_head.keys, group));
  for (std::size_t row = 0; row < index(event.n_queries); ++row) {
    if (!is_recorded(event, row, keys)) continue;
    record.queries.push_back(event.first_query + static_cast<int>(row));
    for (std::size_t h = 0; h < index(event.n_heads); ++h) {
      const auto attention = by_head.attention.row(h * index(event.n_queries) + row);
      record.log_z.push_back(by_head.log_z(h, row));
      record.primary.push_back(sum_of(attention, primary));
      for (std::size_t g = 0; g < groups.size(); ++g) record.groups[g].push_back(sum_of(attention, groups[g]));
    }
  }
}

}  // namespace sinkscope
