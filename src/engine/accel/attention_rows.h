#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/attention/visible_rows.h"

struct ggml_tensor;

namespace sinkscope::accel {

// Rows read from the mask of one stream; no key is far.
//
// mask  f16 [n_columns, n_rows], or null: every query sees every key
void read_rows(const ggml_tensor* mask, std::int64_t stream, int n_queries, int n_keys, int n_threads,
               std::vector<AttentionRow>& rows);

// Consecutive queries of a block see keys in [first, last), in whole blocks of 64.
struct AttentionBlock {
  std::int32_t first_query = 0, n_queries = 0;
  std::int32_t first = 0, last = 0;
};

void cut_into_blocks(std::span<const AttentionRow> rows, int queries_in_block, std::vector<AttentionBlock>& blocks);

}  // namespace sinkscope::accel
