#include "engine/accel/attention_rows.h"

#include <ggml.h>

#include <algorithm>

#include "engine/accel/onednn.h"

namespace sinkscope::accel {
namespace {

constexpr std::uint16_t kHiddenF16 = 0xfc00u, kSignF16 = 0x8000u;

AttentionRow read_row(const std::uint16_t* mask, int n_keys) {
  AttentionRow row;
  while (row.first < n_keys && mask[row.first] == kHiddenF16) ++row.first;
  row.last = n_keys;
  while (row.last > row.first && mask[row.last - 1] == kHiddenF16) --row.last;
  std::uint16_t seen_bits = 0;
  for (std::int32_t k = row.first; k < row.last; ++k) seen_bits = static_cast<std::uint16_t>(seen_bits | mask[k]);
  row.plain = (seen_bits & ~kSignF16) == 0;
  if (row.first >= row.last) row.first = row.last = 0;
  return row;
}

}  // namespace

void read_rows(const ggml_tensor* mask, std::int64_t stream, int n_queries, int n_keys, int n_threads,
               std::vector<AttentionRow>& rows) {
  rows.resize(static_cast<std::size_t>(n_queries));
  if (!mask) {
    std::fill(rows.begin(), rows.end(), AttentionRow{0, n_keys, 0, true});
    return;
  }
  const char* data =
      static_cast<const char*>(mask->data) + static_cast<std::size_t>(stream % mask->ne[3]) * mask->nb[3];
#pragma omp parallel for num_threads(n_threads) schedule(static)
  for (int q = 0; q < n_queries; ++q) {
    const auto* bits = reinterpret_cast<const std::uint16_t*>(data + static_cast<std::size_t>(q) * mask->nb[1]);
    rows[static_cast<std::size_t>(q)] = read_row(bits, n_keys);
  }
}

void cut_into_blocks(std::span<const AttentionRow> rows, int queries_in_block, std::vector<AttentionBlock>& blocks) {
  blocks.clear();
  const auto n_queries = static_cast<std::int32_t>(rows.size());
  for (std::int32_t first = 0; first < n_queries; first += queries_in_block) {
    AttentionBlock block{first, std::min(queries_in_block, n_queries - first), 0, 0};
    bool any = false;
    for (std::int32_t q = first; q < first + block.n_queries; ++q) {
      const AttentionRow& row = rows[static_cast<std::size_t>(q)];
      if (row.first >= row.last) continue;
      block.first = any ? std::min(block.first, row.first) : row.first;
      block.last = std::max(block.last, row.last);
      any = true;
    }
    block.first = block.first / kBlockColumns * kBlockColumns;
    block.last = (block.last + kBlockColumns - 1) / kBlockColumns * kBlockColumns;
    blocks.push_back(block);
  }
}

}  // namespace sinkscope::accel
