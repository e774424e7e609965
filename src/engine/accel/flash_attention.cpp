#include "engine/accel/flash_attention.h"

#include <ggml.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/error.h"
#include "base/index.h"
#include "engine/accel/attention_workspace.h"
#include "engine/accel/numbers.h"

namespace sinkscope::accel {
namespace {

constexpr int kMaxHeadsAtOnce = 16;
constexpr std::size_t kPackedBytes = std::size_t{8} << 20;

float op_param(const ggml_tensor* node, int index) {
  float value;
  std::memcpy(&value, node->op_params + index, sizeof value);
  return value;
}

std::size_t second_level_cache() {
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : std::size_t{1} << 20;
}

}  // namespace

FlashAttention::FlashAttention(Onednn& onednn) : workspace_(std::make_unique<Workspace>(onednn)) {}
FlashAttention::~FlashAttention() = default;
double FlashAttention::flop() const { return workspace_->flop; }

bool FlashAttention::supports(const ggml_tensor* node) {
  if (node->op != GGML_OP_FLASH_ATTN_EXT) return false;
  const ggml_tensor *query = node->src[0], *key = node->src[1], *value = node->src[2], *mask = node->src[3];
  const auto readable = [](const ggml_tensor* t) {
    return t->nb[0] == ggml_type_size(t->type) && (t->type == GGML_TYPE_F32 || ggml_get_type_traits(t->type)->to_float);
  };
  return query->type == GGML_TYPE_F32 && query->nb[0] == sizeof(float) && readable(key) && readable(value) &&
         key->ne[2] == value->ne[2] && query->ne[2] % key->ne[2] == 0 && key->ne[3] == query->ne[3] &&
         value->ne[3] == query->ne[3] && ggml_is_contiguous(node) &&
         (!mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->nb[0] == sizeof(std::uint16_t)));
}

void FlashAttention::Workspace::read_shape(const ggml_tensor* node, std::int64_t stream) {
  shape.query = node->src[0];
  shape.key = node->src[1];
  shape.value = node->src[2];
  shape.mask = node->src[3];
  shape.sinks = node->src[4] ? static_cast<const float*>(node->src[4]->data) : nullptr;
  shape.result = static_cast<char*>(node->data) + index(stream) * node->nb[3];
  shape.stream = stream;
  shape.n_queries = static_cast<int>(shape.query->ne[1]);
  shape.n_heads = static_cast<int>(shape.query->ne[2]);
  shape.n_kv_heads = static_cast<int>(shape.key->ne[2]);
  shape.key_dim = static_cast<int>(shape.key->ne[0]);
  shape.value_dim = static_cast<int>(shape.value->ne[0]);
  shape.n_cells = static_cast<int>(shape.key->ne[1]);
  shape.scale = op_param(node, 0);
  shape.max_bias = op_param(node, 1);
  shape.softcap = op_param(node, 2);
}

// Sizes of blocks, so that the weights of one stay in the second-level cache.
void FlashAttention::Workspace::plan(std::span<const AttentionRow> all_rows, int n_threads) {
  rows = all_rows;
  blocks = onednn.packed_form(number) == RightForm::kBlocks;
  heads_at_once = repeats();
  while (heads_at_once > kMaxHeadsAtOnce || repeats() % heads_at_once) --heads_at_once;
  chunks_of_heads = repeats() / heads_at_once;

  std::int32_t longest = kBlockColumns;
  for (const AttentionRow& row : rows) longest = std::max(longest, row.last - row.first);
  const auto fit = static_cast<int>(second_level_cache() * 3 / 4 / (index(longest) * bytes_of(number)));
  const int n_rows = std::clamp(fit, 32, kMaxRows);
  queries_in_block = 1;
  while (queries_in_block < 64 && 2 * queries_in_block * heads_at_once <= n_rows) queries_in_block *= 2;
  cut_into_blocks(rows, queries_in_block, attention_blocks);

  first_key = std::numeric_limits<int>::max();
  n_seen = 0;
  int end = 0, widest = 0;
  flop = 0;
  for (const AttentionBlock& block : attention_blocks) {
    if (block.first >= block.last) continue;
    first_key = std::min(first_key, block.first);
    end = std::max(end, block.last);
    widest = std::max(widest, block.last - block.first);
    flop += 2.0 * block.n_queries * shape.n_heads * (block.last - block.first) * (shape.key_dim + shape.value_dim);
  }
  for (const AttentionRow& row : rows) n_seen = std::max(n_seen, row.last);
  first_key = std::min(first_key, end);
  n_packed = end - first_key;
  packed_key_dim = blocks ? Onednn::block_rows(shape.key_dim, number) : shape.key_dim;
  n_panels = blocks ? (shape.value_dim + kBlockColumns - 1) / kBlockColumns : 1;
  key_bytes = index(n_packed) * index(packed_key_dim) * bytes_of(number);
  value_bytes = index(n_packed) * index(blocks ? n_panels * kBlockColumns : shape.value_dim) * bytes_of(number);
  const std::size_t head_bytes = std::max<std::size_t>(1, key_bytes + value_bytes);
  heads_in_group = static_cast<int>(std::clamp<std::size_t>(kPackedBytes / head_bytes, 1, index(shape.n_kv_heads)));

  const std::size_t n = index(rows_in_block());
  if (scratches.size() < index(n_threads)) scratches.resize(index(n_threads));
  for (Scratch& scratch : scratches) {
    room(scratch.queries, n * index(shape.key_dim) * bytes_of(number));
    room(scratch.weights, n * index(widest) * bytes_of(number));
    room(scratch.scores, n * kTileKeys);
    room(scratch.outputs, n * index(shape.value_dim));
    room(scratch.staging, index(std::max(kPackedColumns * shape.key_dim, kBlockColumns * shape.value_dim)));
    room(scratch.mask_row, kTileKeys);
    if (question) {
      room(scratch.columns, index(heads_at_once) * index(widest));
      room(scratch.far_columns, index(heads_at_once) * index(widest));
    }
  }
}

void FlashAttention::Workspace::prepare_operations(int n_threads) {
  const int last_panel = panel_width(n_panels - 1), m = rows_in_block();
  const RightForm keys = blocks ? RightForm::kBlocks : RightForm::kColumns;
  const RightForm values = blocks ? RightForm::kBlocks : RightForm::kRows;
  const int ld_keys = blocks ? 0 : shape.key_dim, ld_values = blocks ? 0 : shape.value_dim;
  for (int b = 0; b < kTileBlocks; ++b) {
    const int width = (b + 1) * kBlockColumns;
    score_products[index(b)] = &onednn.matmul({m, width, shape.key_dim, ld_keys, 0, keys, number, false}, n_threads);
    const MatmulShape whole{m, panel_width(0), width, ld_values, 0, values, number, true};
    MatmulShape last = whole;
    last.n = last_panel;
    value_products[0][index(b)] = &onednn.matmul(whole, n_threads);
    value_products[1][index(b)] = &onednn.matmul(last, n_threads);
  }
}

// Keys and values of one block of 64 cells, as the right factors of the two products.
void FlashAttention::Workspace::pack_block(int head, int slot, int block, int thread) {
  float* staging = scratches[index(thread)].staging.data();
  const int first = first_key + block * kBlockColumns;
  // Cells [cell, cell + n) of the block.
  const auto load = [&](const ggml_tensor* from, int dim, int cell, int n, float* to) {
    const RowReader reader(from->type);
    const char* data =
        static_cast<const char*>(from->data) + index(head) * from->nb[2] + index(shape.stream) * from->nb[3];
    for (int i = first + cell; i < first + cell + n; ++i, to += dim) {
      // What lies beyond the last visible cell may be anything, and 0 x NaN is NaN.
      if (i < n_seen) {
        reader.read(data + index(i) * from->nb[1], 0, dim, to);
      } else {
        std::fill_n(to, dim, 0.0f);
      }
    }
  };
  unsigned char* keys = packed_keys.data() + index(slot) * key_bytes +
                        index(block) * kBlockColumns * index(packed_key_dim) * bytes_of(number);
  unsigned char* values = packed_values.data() + index(slot) * value_bytes;
  if (!blocks) {
    load(shape.key, shape.key_dim, 0, kBlockColumns, reinterpret_cast<float*>(keys));
    load(shape.value, shape.value_dim, 0, kBlockColumns,
         reinterpret_cast<float*>(values) + index(block) * kBlockColumns * index(shape.value_dim));
    return;
  }
  for (int cell = 0; cell < kBlockColumns; cell += kPackedColumns) {
    load(shape.key, shape.key_dim, cell, kPackedColumns, staging);
    pack_kernels.columns(staging, shape.key_dim, kPackedColumns, shape.key_dim, number,
                         keys + index(cell) * sizeof(float));
  }
  load(shape.value, shape.value_dim, 0, kBlockColumns, staging);
  for (int p = 0; p < n_panels; ++p) {
    unsigned char* panel =
        values + (index(p) * index(n_packed) + index(block) * kBlockColumns) * kBlockColumns * bytes_of(number);
    pack_kernels.rows(staging + p * kBlockColumns, shape.value_dim, panel_width(p), kBlockColumns, number, panel);
  }
}

void FlashAttention::Workspace::pack(int first_head, int n_heads, int n_threads) {
  room(packed_keys, index(n_heads) * key_bytes);
  room(packed_values, index(n_heads) * value_bytes);
  const int n_blocks = n_packed / kBlockColumns;
#pragma omp parallel for num_threads(n_threads) schedule(dynamic, 4)
  for (int task = 0; task < n_heads * n_blocks; ++task) {
    const int slot = task / n_blocks;
    pack_block(first_head + slot, slot, task % n_blocks, omp_get_thread_num());
  }
}

void FlashAttention::Workspace::clear_sums() {
  n_keys = question->mask->n_keys();
  n_watched = static_cast<int>(question->watched.size());
  key_stride = (std::max(n_keys, first_key + n_packed) + kBlockColumns - 1) / kBlockColumns * kBlockColumns;
  room(sums, index(shape.n_heads) * index(n_keys));
  room(far_sums, index(shape.n_heads) * index(n_keys));
  learned.assign(index(shape.n_heads) * attention_blocks.size(), 0.0);
  const std::size_t n_partial =
      index(shape.n_kv_heads) * index(chunks_of_heads) * index(shape.n_queries) * index(n_watched);
  watched_logits.assign(n_partial, 0.0f);
  watched_weights.assign(n_partial, 0.0f);
  // What a query's block holds is written below; readers ask for no other keys.
  if (question->by_head) room(watched_by_head, index(shape.n_heads) * index(shape.n_queries) * index(n_watched));
}

void FlashAttention::Workspace::attend_heads(int first_head, int n_heads, int n_threads) {
  const std::size_t n_totals = question ? index(n_heads * repeats()) * index(key_stride) : 0;
  first_total = first_head * repeats();
  totals.assign(n_totals, 0.0);
  far_totals.assign(n_totals, 0.0);
  const int n_blocks = static_cast<int>(attention_blocks.size());
  std::atomic<bool> failed{false};
#pragma omp parallel num_threads(n_threads)
  {
    Onednn::single_threaded();
    const int thread = omp_get_thread_num();
    const int n_items = n_heads * chunks_of_heads;
    // Later queries see more keys: the longest blocks first.
#pragma omp for schedule(dynamic, 1)
    for (int task = 0; task < n_blocks * n_items; ++task) {
      const int block = n_blocks - 1 - task / n_items, slot = task % n_items / chunks_of_heads;
      if (!run_block(block, first_head + slot, slot, task % chunks_of_heads, thread)) failed = true;
    }
  }
  if (failed) throw Error(ErrorCode::kModel, "oneDNN: expected a product to run, got an error");
  if (!question) return;
#pragma omp parallel for num_threads(n_threads) schedule(static)
  for (int h = 0; h < n_heads * repeats(); ++h) {
    const std::size_t from = index(h) * index(key_stride), to = index(first_total + h) * index(n_keys);
    for (std::size_t k = 0; k < index(n_keys); ++k) {
      sums[to + k] = static_cast<float>(totals[from + k]);
      far_sums[to + k] = static_cast<float>(far_totals[from + k]);
    }
  }
}

AttentionSums FlashAttention::Workspace::result(int n_threads) {
  const std::size_t n_means = index(shape.n_queries) * index(n_watched), n_blocks = attention_blocks.size();
  room(mean_logits, n_means);
  room(mean_weights, n_means);
  room(visible, n_means);
  learned_mass.assign(index(shape.n_heads), 0.0);
  const float one_head = 1.0f / static_cast<float>(shape.n_heads);
#pragma omp parallel num_threads(n_threads)
  {
#pragma omp for schedule(static) nowait
    for (int h = 0; h < shape.n_heads; ++h) {
      for (std::size_t b = 0; b < n_blocks; ++b) learned_mass[index(h)] += learned[index(h) * n_blocks + b];
    }
#pragma omp for schedule(static)
    for (int q = 0; q < shape.n_queries; ++q) {
      const AttentionRow& row = rows[index(q)];
      for (int w = 0; w < n_watched; ++w) {
        const std::size_t i = index(q) * index(n_watched) + index(w);
        const std::int32_t key = question->watched[index(w)];
        const bool seen = key >= row.first && key < row.last && (row.plain || question->mask->sees(q, key));
        float logit = 0, weight = 0;
        for (int slot = 0; slot < shape.n_kv_heads * chunks_of_heads; ++slot) {
          logit += watched_logits[index(slot) * n_means + i];
          weight += watched_weights[index(slot) * n_means + i];
        }
        mean_logits[i] = logit * one_head;
        mean_weights[i] = weight * one_head;
        visible[i] = seen;
      }
    }
  }
  const std::size_t heads = index(shape.n_heads), queries = index(shape.n_queries), watched = index(n_watched);
  return {{sums.data(), heads, index(n_keys)},
          {far_sums.data(), heads, index(n_keys)},
          learned_mass,
          {mean_weights.data(), queries, watched},
          {mean_logits.data(), queries, watched},
          {visible.data(), queries, watched},
          question->by_head ? watched_by_head.data() : nullptr,
          number == Number::kBf16,
          true};
}

AttentionSums FlashAttention::attend(const ggml_tensor* node, std::int64_t stream, std::span<const AttentionRow> rows,
                                     Number number, int n_threads, const ColumnQuestion* question) {
  Workspace& work = *workspace_;
  work.number = number;
  work.question = question;
  work.read_shape(node, stream);
  work.plan(rows, n_threads);
  work.prepare_operations(n_threads);
  if (question) work.clear_sums();
  for (int head = 0; head < work.shape.n_kv_heads; head += work.heads_in_group) {
    const int n_heads = std::min(work.heads_in_group, work.shape.n_kv_heads - head);
    work.pack(head, n_heads, n_threads);
    work.attend_heads(head, n_heads, n_threads);
  }
  return question ? work.result(n_threads) : AttentionSums{};
}

}  // namespace sinkscope::accel
