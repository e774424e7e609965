#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/attention/visible_rows.h"

namespace sinkscope::gpu {

// Queries of a micro-batch whose scores are made at once, and the keys that they can see.
struct ColumnChunk {
  int first_query = 0, n_queries = 0;
  int first_key = 0, last_key = 0;  // exclusive
  // Keys before the band are far for each of the queries that sees them, keys after it for none.
  int first_band = 0, last_band = 0;
  std::size_t band_at = 0;  // in ColumnPlan::band
};

// How the scores of one mask are cut up.
struct ColumnPlan {
  std::vector<ColumnChunk> chunks;
  std::vector<float> band;  // of each chunk [n_queries, last_band - first_band]: 1 where the key is far for the query
};

// rows          [n_queries]
// most_scores   of one head that a chunk may have; a chunk has at least one query, and at most most_queries
ColumnPlan plan_columns(std::span<const AttentionRow> rows, std::size_t most_scores, int most_queries);

}  // namespace sinkscope::gpu
