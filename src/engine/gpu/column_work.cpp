#include "engine/gpu/column_work.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "engine/gpu/watched_work.h"

namespace sinkscope::gpu {
namespace {

constexpr int kMostQueries = 512;

ggml_tensor* view_of_rows(Work& work, ggml_tensor* heads, std::int64_t first, std::int64_t count) {
  return ggml_view_3d(work.context(), heads, heads->ne[0], count, heads->ne[2], heads->nb[1], heads->nb[2],
                      static_cast<std::size_t>(first) * heads->nb[1]);
}

// Columns [first, first + count) of [columns, rows, heads].
ggml_tensor* view_of_columns(Work& work, ggml_tensor* all, std::int64_t first, std::int64_t count) {
  return ggml_view_3d(work.context(), all, count, all->ne[1], all->ne[2], all->nb[1], all->nb[2],
                      static_cast<std::size_t>(first) * all->nb[0]);
}

// Adds [n, n_heads] to columns [first, first + n) of [n_keys, n_heads].
void add_to(Work& work, ggml_tensor* total, std::int64_t first, ggml_tensor* columns) {
  ggml_tensor* part = ggml_view_2d(work.context(), total, columns->ne[0], total->ne[1], total->nb[1],
                                   static_cast<std::size_t>(first) * total->nb[0]);
  work.add(ggml_add_inplace(work.context(), part, columns));
}

bool can_pool(const Queue& queue) {
  // Asked of a device once for each chunk: a description costs next to nothing.
  ggml_context* context = ggml_init({4 * ggml_tensor_overhead(), nullptr, true});
  ggml_tensor* rows = ggml_new_tensor_3d(context, GGML_TYPE_F32, 64, 64, 1);
  const bool can = queue.supports(ggml_pool_2d(context, rows, GGML_OP_POOL_AVG, 1, 64, 1, 64, 0, 0));
  ggml_free(context);
  return can;
}

}  // namespace

// weights  [n_keys, n_queries, n_heads] contiguous
// returns  [n_keys, n_heads]
ggml_tensor* ColumnWork::sum_over_queries(Work& work, ggml_tensor* weights) const {
  ggml_context* context = work.context();
  const std::int64_t n_keys = weights->ne[0], n_queries = weights->ne[1], n_heads = weights->ne[2];
  if (can_pool(queue_)) {
    const int n = static_cast<int>(n_queries);
    ggml_tensor* mean = ggml_pool_2d(context, weights, GGML_OP_POOL_AVG, 1, n, 1, n, 0, 0);
    return ggml_reshape_2d(context, ggml_scale(context, mean, static_cast<float>(n)), n_keys, n_heads);
  }
  ggml_tensor* by_key = ggml_cont(context, ggml_transpose(context, weights));
  return ggml_reshape_2d(context, ggml_sum_rows(context, by_key), n_keys, n_heads);
}

ColumnWork::Sums ColumnWork::sums_in(Work& work, const AttentionNode& node, std::int64_t n_keys) const {
  ggml_tensor* all = work.leaf(sums_->tensor());
  const std::size_t row = static_cast<std::size_t>(n_keys) * sizeof(float);
  const std::size_t matrix = row * static_cast<std::size_t>(node.n_heads);
  ggml_context* context = work.context();
  return {ggml_view_2d(context, all, n_keys, node.n_heads, row, 0),
          ggml_view_2d(context, all, n_keys, node.n_heads, row, matrix),
          ggml_view_2d(context, all, 1, node.n_heads, sizeof(float), 2 * matrix)};
}

// [n_watched, n_queries, n_heads]
ggml_tensor* ColumnWork::watched_in(Work& work, const AttentionNode& node, std::int64_t n_watched) const {
  const std::size_t row = static_cast<std::size_t>(n_watched) * sizeof(float);
  return ggml_view_3d(work.context(), work.leaf(watched_->tensor()), n_watched, node.n_queries, node.n_heads, row,
                      row * static_cast<std::size_t>(node.n_queries), 0);
}

void ColumnWork::make_room(const AttentionNode& node, std::int64_t n_keys, std::int64_t n_watched) {
  const auto reserve = [&](std::optional<Kept>& kept, std::int64_t n, const char* what) {
    if (n > 0 && (!kept || kept->tensor().ne[0] < n)) kept.emplace(queue_, n + n / 2, 1, 1, what);
  };
  reserve(sums_, node.n_heads * (2 * n_keys + 1), "column sums");
  reserve(watched_, n_watched * node.n_queries * node.n_heads, "watched columns");
}

void ColumnWork::clear(Work& work, const AttentionNode& node, std::int64_t n_keys, std::int64_t n_watched) const {
  const auto fill = [&](const std::optional<Kept>& kept, std::int64_t n) {
    if (n == 0) return;
    ggml_tensor* first = ggml_view_1d(work.context(), work.leaf(kept->tensor()), n, 0);
    work.add(ggml_fill_inplace(work.context(), first, 0));
  };
  fill(sums_, node.n_heads * (2 * n_keys + 1));
  fill(watched_, n_watched * node.n_queries * node.n_heads);
}

// Logits before the mask, or with learned sinks these first: [n_keys (+ 1), n_queries, n_heads].
ggml_tensor* ColumnWork::scores(Work& work, const AttentionNode& node, const ColumnChunk& chunk) const {
  ggml_context* context = work.context();
  ggml_tensor* keys = view_of_rows(work, work.leaf(node.key), chunk.first_key, chunk.last_key - chunk.first_key);
  ggml_tensor* queries = view_of_rows(work, work.leaf(node.query), chunk.first_query, chunk.n_queries);
  ggml_tensor* scores = ggml_mul_mat(context, keys, queries);
  ggml_prec_set_acc(scores, GGML_PREC_F32);
  if (node.softcap != 0) {
    scores = ggml_scale_inplace(context, scores, node.scale / node.softcap);
    scores = ggml_scale_inplace(context, ggml_tanh_inplace(context, scores), node.softcap);
  }
  if (!node.sinks) return scores;
  // The softmax scales all that it takes.
  ggml_tensor* sinks = ggml_reshape_3d(context, work.leaf(*node.sinks), 1, 1, node.n_heads);
  if (node.softcap == 0) sinks = ggml_scale(context, sinks, 1 / node.scale);
  return ggml_concat(context, ggml_repeat_4d(context, sinks, 1, chunk.n_queries, node.n_heads, 1), scores, 0);
}

void ColumnWork::add_chunk(Work& work, const AttentionNode& node, const ColumnChunk& chunk, const PlanOnDevice& plan,
                           std::int64_t n_keys, std::span<const std::int32_t> watched) const {
  ggml_context* context = work.context();
  ggml_tensor* logits = scores(work, node, chunk);
  ggml_tensor* mask = nullptr;
  const std::int64_t n_seen = chunk.last_key - chunk.first_key, before = node.sinks ? 1 : 0;
  if (node.mask) {
    ggml_tensor* all = work.leaf(*node.mask);
    mask = ggml_view_2d(context, all, n_seen, chunk.n_queries, all->nb[1],
                        static_cast<std::size_t>(chunk.first_query) * all->nb[1] +
                            static_cast<std::size_t>(chunk.first_key) * all->nb[0]);
    if (node.sinks) {
      mask = ggml_cpy(context, mask, ggml_new_tensor_2d(context, GGML_TYPE_F32, n_seen, chunk.n_queries));
      ggml_tensor* open = ggml_fill(context, ggml_new_tensor_2d(context, GGML_TYPE_F32, 1, chunk.n_queries), 0);
      mask = ggml_concat(context, open, mask, 0);
    } else {
      mask = ggml_cont(context, mask);
    }
  }
  ggml_tensor* weights =
      ggml_soft_max_ext_inplace(context, logits, mask, node.softcap != 0 ? 1 : node.scale, node.max_bias);
  const Sums to = sums_in(work, node, n_keys);
  ggml_tensor* sums = sum_over_queries(work, weights);
  ggml_tensor* of_keys =
      ggml_view_2d(context, sums, n_seen, node.n_heads, sums->nb[1], static_cast<std::size_t>(before) * sums->nb[0]);
  add_to(work, to.sums, chunk.first_key, of_keys);
  if (node.sinks) add_to(work, to.learned, 0, ggml_view_2d(context, sums, 1, node.n_heads, sums->nb[1], 0));
  if (const int n_far = chunk.first_band - chunk.first_key; n_far > 0) {
    add_to(work, to.far, chunk.first_key, ggml_view_2d(context, of_keys, n_far, node.n_heads, of_keys->nb[1], 0));
  }
  if (const std::int64_t n = chunk.last_band - chunk.first_band; n > 0) {
    ggml_tensor* is_far = ggml_view_2d(context, work.leaf(plan.band->tensor()), n, chunk.n_queries,
                                       static_cast<std::size_t>(n) * sizeof(float), chunk.band_at * sizeof(float));
    ggml_tensor* band = view_of_columns(work, weights, before + chunk.first_band - chunk.first_key, n);
    add_to(work, to.far, chunk.first_band, sum_over_queries(work, ggml_mul(context, band, is_far)));
  }
  // Neighbours are copied together: the candidates of a sequence are.
  for (std::size_t w = 0; w < watched.size();) {
    std::size_t end = w + 1;
    while (end < watched.size() && watched[end] == watched[end - 1] + 1) ++end;
    const std::int64_t first = std::max<std::int64_t>(watched[w], chunk.first_key);
    const std::int64_t last = std::min<std::int64_t>(watched[end - 1] + 1, chunk.last_key);
    if (first < last) {
      ggml_tensor* from = view_of_columns(work, weights, before + first - chunk.first_key, last - first);
      ggml_tensor* all = watched_in(work, node, static_cast<std::int64_t>(watched.size()));
      ggml_tensor* at = ggml_view_3d(context, all, last - first, chunk.n_queries, node.n_heads, all->nb[1], all->nb[2],
                                     (w + static_cast<std::size_t>(first - watched[w])) * all->nb[0] +
                                         static_cast<std::size_t>(chunk.first_query) * all->nb[1]);
      work.add(ggml_cpy(context, from, at));
    }
    w = end;
  }
}

ColumnWork::PlanOnDevice* ColumnWork::plan_of(const AttentionMask& mask, std::int64_t n_heads) {
  const auto [found, is_new] = plans_.try_emplace(std::pair(mask.version(), n_heads));
  std::vector<AttentionRow> rows;
  if (!is_new || !rows_of(mask, rows)) return found->second ? &*found->second : nullptr;
  PlanOnDevice& made = found->second.emplace();
  const auto upload = [&](std::optional<Kept>& kept, const void* data, std::size_t n_bytes, const char* what) {
    kept.emplace(queue_, static_cast<std::int64_t>(n_bytes / sizeof(float)), 1, 1, what);
    ggml_tensor tensor = kept->tensor();
    const auto staged = queue_.stage_copy(std::span(static_cast<const char*>(data), n_bytes));
    ggml_backend_tensor_set_async(queue_.backend(), &tensor, staged.data(), 0, n_bytes);
  };
  made.plan = plan_columns(rows, kScoreBytes / sizeof(float) / static_cast<std::size_t>(n_heads), kMostQueries);
  const std::vector<float>& band = made.plan.band;
  if (!band.empty()) upload(made.band, band.data(), band.size() * sizeof(float), "far keys");
  made.plain = std::ranges::all_of(rows, [](const AttentionRow& row) { return row.plain; });
  if (kernels_ && made.plain) {
    std::vector<DeviceRow> of_kernels;
    for (const AttentionRow& row : rows) of_kernels.push_back({row.first, row.last, row.far_last, 0});
    const std::vector<DeviceTile> tiles = tiles_of(of_kernels);
    std::vector<char> bytes(of_kernels.size() * sizeof(DeviceRow) + tiles.size() * sizeof(DeviceTile));
    std::memcpy(bytes.data(), of_kernels.data(), of_kernels.size() * sizeof(DeviceRow));
    std::memcpy(bytes.data() + of_kernels.size() * sizeof(DeviceRow), tiles.data(), tiles.size() * sizeof(DeviceTile));
    upload(made.rows, bytes.data(), bytes.size(), "rows of a mask");
  }
  return &made;
}

bool ColumnWork::takes(const ggml_tensor& tensor) {
  const AttentionNode node(tensor);
  if (node.query.ne[3] != 1 || node.key.ne[3] != 1 || node.query.type != GGML_TYPE_F32) return false;
  const std::vector<std::int64_t> shape{node.head_dim,     node.n_heads,       node.n_kv_heads,
                                        node.key.type,     node.value.ne[0],   node.value.type,
                                        node.softcap != 0, node.max_bias != 0, node.sinks != nullptr};
  const auto [found, is_new] = taken_.try_emplace(shape, false);
  if (!is_new) return found->second;
  // The first queries and keys stand for all.
  const int n = static_cast<int>(std::min<std::int64_t>(node.n_queries, 64));
  const ColumnChunk chunk{0, n, 0, n, n / 2, n, 0};
  const std::vector<std::int32_t> watched{0};
  PlanOnDevice plan;
  plan.band.emplace(queue_, std::int64_t{n} * n, 1, 1, "far keys");
  make_room(node, n, 1);
  Work work(queue_);
  clear(work, node, n, 1);
  add_chunk(work, node, chunk, plan, n, watched);
  found->second = work.supported() && WatchedWork::supported(queue_, node);
  return found->second;
}

void ColumnWork::sum_by_operations(const AttentionNode& node, const PlanOnDevice& plan, std::int64_t n_keys,
                                   std::span<const std::int32_t> watched) {
  bool first = true;
  for (const ColumnChunk& chunk : plan.plan.chunks) {
    Work work(queue_, 64 + 8 * watched.size());
    if (std::exchange(first, false)) clear(work, node, n_keys, static_cast<std::int64_t>(watched.size()));
    add_chunk(work, node, chunk, plan, n_keys, watched);
    work.run();
  }
}

void ColumnWork::sum_by_kernels(const AttentionNode& node, const PlanOnDevice& plan, std::int64_t n_keys) {
  const auto reserve = [&](std::optional<Kept>& kept, std::int64_t n, const char* what) {
    if (!kept || kept->tensor().ne[0] < n) kept.emplace(queue_, n, 1, 1, what);
  };
  const std::int64_t n_rows = node.n_heads * node.n_queries;
  reserve(queries_, (n_rows * node.head_dim + 1) / 2, "queries");
  reserve(normalisers_, 2 * n_rows, "normalisers");
  auto* sums = static_cast<float*>(sums_->tensor().data);
  auto* normalisers = static_cast<float*>(normalisers_->tensor().data);
  const auto* rows = static_cast<const DeviceRow*>(plan.rows->tensor().data);
  ColumnTask task{};
  task.rows = rows;
  task.tiles = reinterpret_cast<const DeviceTile*>(rows + node.n_queries);
  task.n_keys = n_keys;
  task.queries = queries_->tensor().data;
  task.sums = sums;
  task.far_sums = sums + node.n_heads * n_keys;
  task.learned_mass = node.sinks ? sums + 2 * node.n_heads * n_keys : nullptr;
  task.log_normaliser = normalisers;
  task.normaliser = normalisers + n_rows;
  kernels_->sum_columns(node, task);
}

StagedColumns ColumnWork::sum(const ggml_tensor& tensor, const AttentionMask& mask,
                              std::span<const std::int32_t> watched, bool eviction) {
  const AttentionNode node(tensor);
  const PlanOnDevice* plan = plan_of(mask, node.n_heads);
  if (!plan) {
    throw Error(ErrorCode::kModel,
                "attention mask: expected far keys before near ones for each query, got others; a GPU "
                "cannot sum these, leave it out by -dev none");
  }
  const std::int64_t n_keys = mask.n_keys();
  const auto n_watched = static_cast<std::int64_t>(watched.size());
  const bool by_kernels = plan->rows && kernels_->takes(node);
  make_room(node, n_keys, by_kernels ? 0 : n_watched);
  if (by_kernels) {
    sum_by_kernels(node, *plan, n_keys);
  } else {
    sum_by_operations(node, *plan, n_keys, watched);
  }
  Work work(queue_, 192 + 8 * watched.size());
  StagedColumns staged;
  const auto n_heads = static_cast<std::size_t>(node.n_heads), keys = static_cast<std::size_t>(n_keys);
  const auto numbers = queue_.stage<float>(n_heads * (2 * keys + (node.sinks ? 1 : 0)));
  ggml_tensor* all = work.leaf(sums_->tensor());
  work.download(ggml_view_1d(work.context(), all, static_cast<std::int64_t>(numbers.size()), 0), numbers);
  staged.sums = {numbers.data(), n_heads, keys};
  staged.far_sums = {numbers.data() + n_heads * keys, n_heads, keys};
  if (node.sinks) staged.learned_mass = numbers.last(n_heads);
  WatchedWork rest(queue_, work, node);
  rest.norms(mask, staged);
  if (n_watched > 0) {
    ggml_tensor* attention = nullptr;
    if (!by_kernels) attention = watched_in(work, node, n_watched);
    rest.columns(attention, by_kernels ? &normalisers_->tensor() : nullptr, mask, watched, eviction, staged);
  }
  work.run();
  return staged;
}

}  // namespace sinkscope::gpu
