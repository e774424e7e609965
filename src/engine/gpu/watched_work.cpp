#include "engine/gpu/watched_work.h"

#include <algorithm>
#include <vector>

#include "engine/attention/eviction_cost.h"
#include "engine/gpu/column_work.h"

namespace sinkscope::gpu {
namespace {

// [n_queries, n_watched] 1 where the query sees the key from afar.
void find_far(const AttentionMask& mask, std::span<const std::int32_t> watched, std::span<float> is_far) {
  const auto n_queries = static_cast<std::size_t>(mask.n_queries());
  for (std::size_t w = 0; w < watched.size(); ++w) {
    const auto key = static_cast<std::size_t>(watched[w]);
    for (std::size_t q = 0; q < n_queries; ++q) {
      const bool far = mask.key_sequence()[key] == mask.query_sequence()[q] &&
                       std::int64_t{mask.query_position()[q]} - mask.key_position()[key] >= mask.min_distance() &&
                       mask.sees(static_cast<int>(q), watched[w]);
      is_far[w * n_queries + q] = far ? 1.0F : 0.0F;
    }
  }
}

}  // namespace

// [1, n_queries]
ggml_tensor* WatchedWork::squared_norm(const ggml_tensor& heads, std::int64_t first_cell) {
  ggml_context* context = work_.context();
  ggml_tensor* all = work_.leaf(heads);
  ggml_tensor* cells = ggml_view_3d(context, all, all->ne[0], all->ne[2], node_.n_queries, all->nb[2], all->nb[1],
                                    static_cast<std::size_t>(first_cell) * all->nb[1]);
  ggml_tensor* numbers =
      ggml_cpy(context, cells, ggml_new_tensor_3d(context, GGML_TYPE_F32, cells->ne[0], cells->ne[1], cells->ne[2]));
  numbers = ggml_reshape_2d(context, numbers, numbers->ne[0] * numbers->ne[1], numbers->ne[2]);
  return ggml_sum_rows(context, ggml_sqr(context, numbers));
}

void WatchedWork::norms(const AttentionMask& mask, StagedColumns& staged) {
  const auto n = static_cast<std::size_t>(node_.n_queries);
  const std::int64_t first_cell = mask.n_keys() - node_.n_queries;
  const auto keys = queue_.stage<float>(n), values = queue_.stage<float>(n);
  work_.download(squared_norm(node_.key, first_cell), keys);
  work_.download(squared_norm(node_.value, first_cell), values);
  staged.key_squared_norm = keys;
  staged.value_squared_norm = values;
}

// [head_dim, ids, n_kv_heads]
ggml_tensor* WatchedWork::rows_of(const ggml_tensor& heads, std::span<const std::int32_t> ids) {
  const auto n = static_cast<std::int64_t>(ids.size());
  const auto of_heads = queue_.stage<std::int32_t>(ids.size() * static_cast<std::size_t>(heads.ne[2]));
  for (std::size_t i = 0; i < of_heads.size(); ++i) of_heads[i] = ids[i % ids.size()];
  return ggml_get_rows(work_.context(), work_.leaf(heads),
                       work_.upload(std::span<const std::int32_t>(of_heads), n, heads.ne[2]));
}

// [n_watched, n_queries, n_heads]
ggml_tensor* WatchedWork::logits(ggml_tensor* keys) {
  ggml_context* context = work_.context();
  ggml_tensor* logits = ggml_mul_mat(context, keys, work_.leaf(node_.query));
  if (node_.softcap == 0) return ggml_scale(context, logits, node_.scale);
  logits = ggml_tanh(context, ggml_scale(context, logits, node_.scale / node_.softcap));
  return ggml_scale(context, logits, node_.softcap);
}

// by_head  [n, m, n_heads] contiguous
// returns  [n * m]
ggml_tensor* WatchedWork::mean_over_heads(ggml_tensor* by_head) {
  ggml_context* context = work_.context();
  const std::int64_t n_heads = by_head->ne[2], n = by_head->ne[0] * by_head->ne[1];
  ggml_tensor* heads = ggml_cont(context, ggml_transpose(context, ggml_reshape_2d(context, by_head, n, n_heads)));
  return ggml_scale(context, ggml_sum_rows(context, heads), 1.0F / static_cast<float>(n_heads));
}

// |v - o|^2 of each watched value and output: [n_queries, n_watched, n_heads].
//
// values  [value_dim, n_watched, n_kv_heads]
ggml_tensor* WatchedWork::squared_distance(ggml_tensor* values, std::int64_t n_watched) {
  ggml_context* context = work_.context();
  const std::int64_t dim = values->ne[0], n_heads = node_.n_heads, n_kv_heads = values->ne[2];
  ggml_tensor* of_groups = ggml_reshape_4d(context, values, dim, n_watched, 1, n_kv_heads);
  of_groups = ggml_repeat_4d(context, of_groups, dim, n_watched, n_heads / n_kv_heads, n_kv_heads);
  ggml_tensor* of_heads = ggml_reshape_3d(context, of_groups, dim, n_watched, n_heads);
  ggml_tensor* output = work_.leaf(node_.node);  // [value_dim, n_heads, n_queries]
  ggml_tensor* by_head = ggml_view_3d(context, output, dim, node_.n_queries, n_heads, output->nb[2], output->nb[1], 0);
  ggml_tensor* dots = nullptr;
  for (std::int64_t w = 0; w < n_watched; w += kExactColumns) {
    const std::int64_t n = std::min(kExactColumns, n_watched - w);
    ggml_tensor* some = ggml_view_3d(context, of_heads, dim, n, n_heads, of_heads->nb[1], of_heads->nb[2],
                                     static_cast<std::size_t>(w) * of_heads->nb[1]);
    ggml_tensor* part = ggml_mul_mat(context, by_head, ggml_cont(context, some));
    dots = dots ? ggml_concat(context, dots, part, 1) : part;
  }
  ggml_tensor* of_values = ggml_sum_rows(context, ggml_sqr(context, of_heads));    // [1, n_watched, n_heads]
  ggml_tensor* of_outputs = ggml_sum_rows(context, ggml_sqr(context, output));     // [1, n_heads, n_queries]
  of_outputs = ggml_cont(context, ggml_permute(context, of_outputs, 1, 2, 0, 3));  // [n_queries, 1, n_heads]
  ggml_tensor* distance = ggml_add(context, ggml_scale(context, dots, -2), of_values);
  return ggml_relu(context, ggml_add(context, distance, of_outputs));
}

// attention  [n_watched, n_queries, n_heads]
void WatchedWork::eviction(ggml_tensor* attention, ggml_tensor* distance, ggml_tensor* is_far, std::span<float> cost,
                           std::span<float> left_out) {
  ggml_context* context = work_.context();
  ggml_tensor* p = ggml_cont(context, ggml_permute(context, attention, 1, 0, 2, 3));  // [n_queries, n_watched, n_heads]
  // 1 where the attention is above the limit; what is left out must not become a quotient.
  ggml_tensor* above = ggml_step(context, ggml_scale_bias(context, p, 1, -kMostAttentionOfHalves));
  above = ggml_mul(context, above, is_far);
  ggml_tensor* taken = ggml_add(context, ggml_scale(context, above, -1), is_far);
  p = ggml_mul(context, p, taken);
  ggml_tensor* odds = ggml_div(context, p, ggml_scale_bias(context, p, -1, 1));
  work_.download(ggml_sum_rows(context, ggml_mul(context, ggml_sqr(context, odds), distance)), cost);
  work_.download(ggml_sum_rows(context, above), left_out);
}

// exp(logit - log of the normaliser), and 0 where a query does not see the key.
ggml_tensor* WatchedWork::attention_of(ggml_tensor* logits, const ggml_tensor& log_normaliser,
                                       const AttentionMask& mask, std::span<const std::int32_t> watched) {
  ggml_context* context = work_.context();
  const std::size_t row = static_cast<std::size_t>(node_.n_queries) * sizeof(float);
  ggml_tensor* of_rows =
      ggml_view_3d(context, work_.leaf(log_normaliser), 1, node_.n_queries, node_.n_heads, sizeof(float), row, 0);
  const auto visible = queue_.stage<float>(static_cast<std::size_t>(node_.n_queries) * watched.size());
  for (std::size_t i = 0; i < visible.size(); ++i) {
    visible[i] = mask.sees(static_cast<int>(i / watched.size()), watched[i % watched.size()]) ? 1.0F : 0.0F;
  }
  ggml_tensor* sees =
      work_.upload(std::span<const float>(visible), static_cast<std::int64_t>(watched.size()), node_.n_queries);
  // What is visible is at most the normaliser; what is not may be anything.
  ggml_tensor* exponent = ggml_clamp(context, ggml_sub(context, logits, of_rows), -1e30F, 0);
  return ggml_mul(context, ggml_exp(context, exponent), sees);
}

void WatchedWork::columns(ggml_tensor* attention, const ggml_tensor* log_normaliser, const AttentionMask& mask,
                          std::span<const std::int32_t> watched, bool with_eviction, StagedColumns& staged) {
  ggml_context* context = work_.context();
  const std::size_t n_queries = static_cast<std::size_t>(node_.n_queries), n_watched = watched.size();
  const auto n_heads = static_cast<std::size_t>(node_.n_heads);
  const auto means = queue_.stage<float>(n_queries * n_watched), logit = queue_.stage<float>(n_queries * n_watched);
  ggml_tensor* by_head = logits(rows_of(node_.key, watched));
  work_.download(mean_over_heads(by_head), logit);
  if (!attention) attention = attention_of(by_head, *log_normaliser, mask, watched);
  work_.download(mean_over_heads(attention), means);
  staged.watched_attention = {means.data(), n_queries, n_watched};
  staged.watched_logit = {logit.data(), n_queries, n_watched};
  if (!with_eviction) return;
  const auto is_far = queue_.stage<float>(n_queries * n_watched);
  find_far(mask, watched, is_far);
  ggml_tensor* far =
      work_.upload(std::span<const float>(is_far), node_.n_queries, static_cast<std::int64_t>(n_watched));
  const auto cost = queue_.stage<float>(n_heads * n_watched), left_out = queue_.stage<float>(n_heads * n_watched);
  ggml_tensor* distance = squared_distance(rows_of(node_.value, watched), static_cast<std::int64_t>(n_watched));
  eviction(attention, distance, ggml_reshape_3d(context, far, node_.n_queries, far->ne[1], 1), cost, left_out);
  staged.eviction_cost = {cost.data(), n_heads, n_watched};
  staged.left_out = {left_out.data(), n_heads, n_watched};
}

bool WatchedWork::supported(Queue& queue, const AttentionNode& node) {
  Work work(queue);
  WatchedWork watched(queue, work, node);
  std::vector<float> numbers(static_cast<std::size_t>(std::max(node.n_queries, node.n_heads)));
  work.add(watched.squared_norm(node.key, 0));
  work.add(watched.squared_norm(node.value, 0));
  const std::vector<std::int32_t> ids{0};
  work.add(watched.mean_over_heads(watched.logits(watched.rows_of(node.key, ids))));
  ggml_context* context = work.context();
  ggml_tensor* attention = ggml_new_tensor_3d(context, GGML_TYPE_F32, 1, node.n_queries, node.n_heads);
  ggml_tensor* far = ggml_new_tensor_3d(context, GGML_TYPE_F32, node.n_queries, 1, 1);
  watched.eviction(attention, watched.squared_distance(watched.rows_of(node.value, ids), 1), far, numbers, numbers);
  return work.supported();
}

}  // namespace sinkscope::gpu
