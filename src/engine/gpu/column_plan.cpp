#include "engine/gpu/column_plan.h"

#include <algorithm>

namespace sinkscope::gpu {
namespace {

void add_row(ColumnChunk& chunk, const AttentionRow& row) {
  const bool first = chunk.n_queries == 0;
  chunk.first_key = first ? row.first : std::min(chunk.first_key, row.first);
  chunk.last_key = first ? row.last : std::max(chunk.last_key, row.last);
  chunk.first_band = first ? row.far_last : std::min(chunk.first_band, row.far_last);
  chunk.last_band = first ? row.far_last : std::max(chunk.last_band, row.far_last);
  ++chunk.n_queries;
}

}  // namespace

ColumnPlan plan_columns(std::span<const AttentionRow> rows, std::size_t most_scores, int most_queries) {
  ColumnPlan plan;
  for (std::size_t q = 0; q < rows.size(); ++q) {
    if (!plan.chunks.empty()) {
      ColumnChunk longer = plan.chunks.back();
      add_row(longer, rows[q]);
      const auto n_keys = static_cast<std::size_t>(longer.last_key - longer.first_key);
      if (longer.n_queries <= most_queries && static_cast<std::size_t>(longer.n_queries) * n_keys <= most_scores) {
        plan.chunks.back() = longer;
        continue;
      }
    }
    ColumnChunk chunk;
    chunk.first_query = static_cast<int>(q);
    add_row(chunk, rows[q]);
    plan.chunks.push_back(chunk);
  }
  for (ColumnChunk& chunk : plan.chunks) {
    chunk.band_at = plan.band.size();
    for (int q = chunk.first_query; q < chunk.first_query + chunk.n_queries; ++q) {
      const AttentionRow& row = rows[static_cast<std::size_t>(q)];
      for (int key = chunk.first_band; key < chunk.last_band; ++key) {
        plan.band.push_back(key >= row.first && key < row.far_last ? 1.0F : 0.0F);
      }
    }
  }
  return plan;
}

}  // namespace sinkscope::gpu
