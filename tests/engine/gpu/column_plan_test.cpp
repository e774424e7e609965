#include "engine/gpu/column_plan.h"

#include <gtest/gtest.h>

namespace sinkscope::gpu {
namespace {

// Queries of a causal text from token `first` on; keys are far at a distance of 3.
std::vector<AttentionRow> causal(int first, int n) {
  std::vector<AttentionRow> rows;
  for (int q = first; q < first + n; ++q) rows.push_back({0, q + 1, std::max(0, q - 2), true});
  return rows;
}

TEST(ColumnPlan, EveryQueryIsInOneChunkWithAllThatItSees) {
  for (const std::size_t most_scores : {1U, 40U, 100U, 10000U}) {
    std::vector<AttentionRow> rows = causal(10, 30);
    rows.push_back({40, 41, 40, true});  // the next sequence of a pack
    rows.push_back({40, 42, 40, true});
    const ColumnPlan plan = plan_columns(rows, most_scores, 7);
    int next = 0;
    for (const ColumnChunk& chunk : plan.chunks) {
      EXPECT_EQ(chunk.first_query, next);
      EXPECT_LE(chunk.n_queries, 7);
      const int width = chunk.last_key - chunk.first_key;
      EXPECT_TRUE(chunk.n_queries == 1 || static_cast<std::size_t>(chunk.n_queries * width) <= most_scores);
      for (int i = 0; i < chunk.n_queries; ++i) {
        const AttentionRow& row = rows[static_cast<std::size_t>(next + i)];
        EXPECT_GE(row.first, chunk.first_key);
        EXPECT_LE(row.last, chunk.last_key);
        // Each visible key is told as far or not by the one rule.
        for (int key = row.first; key < row.last; ++key) {
          bool far = key < chunk.first_band;
          if (key >= chunk.first_band && key < chunk.last_band) {
            const auto at = static_cast<std::size_t>(i * (chunk.last_band - chunk.first_band) + key - chunk.first_band);
            far = plan.band.at(chunk.band_at + at) == 1.0F;
          }
          EXPECT_EQ(far, key < row.far_last) << next + i << ", " << key;
        }
      }
      next += chunk.n_queries;
    }
    EXPECT_EQ(next, 32);
  }
}

}  // namespace
}  // namespace sinkscope::gpu
