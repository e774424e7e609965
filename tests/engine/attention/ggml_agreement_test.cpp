// Our column sums against ggml's own flash attention. With the identity as values, its output is the matrix of
// attention probabilities itself.

#include <ggml-cpu.h>
#include <ggml.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "attention_inputs.h"
#include "attention_reference.h"
#include "engine/attention/column_sums.h"

namespace sinkscope {
namespace {

using namespace testing_support;

struct Free {
  void operator()(ggml_context* context) const { ggml_free(context); }
};

HeadVectors view_of(const ggml_tensor* tensor, ElementType type) {
  return {tensor->data, type, tensor->nb[1], tensor->nb[2]};
}

void fill(ggml_tensor* tensor, ElementType type, const Cube<float>& values) {
  for (std::size_t row = 0; row < values.depth(); ++row)
    for (std::size_t head = 0; head < values.rows(); ++head)
      for (std::size_t d = 0; d < values.cols(); ++d)
        write_element(static_cast<char*>(tensor->data) + head * tensor->nb[2] + row * tensor->nb[1] + d * tensor->nb[0],
                      type, values(row, head, d));
}

void expect_agreement(const ProblemOptions& options) {
  SCOPED_TRACE(options.name);
  const AttentionProblem p = random_problem(options, 17);
  const std::unique_ptr<ggml_context, Free> context(ggml_init({std::size_t{64} << 20, nullptr, false}));
  const auto tensor = [&](ggml_type type, int columns, int rows, int heads) {
    return ggml_new_tensor_3d(context.get(), type, columns, rows, heads);
  };
  ggml_tensor* q = tensor(GGML_TYPE_F32, p.head_dim, p.n_queries, p.n_heads);
  ggml_tensor* k = tensor(GGML_TYPE_F32, p.head_dim, p.n_keys, p.n_kv_heads);
  ggml_tensor* v = tensor(GGML_TYPE_F32, p.n_keys, p.n_keys, p.n_kv_heads);
  ggml_tensor* mask = tensor(GGML_TYPE_F16, p.n_keys, p.n_queries, 1);
  fill(q, ElementType::kF32, p.q);
  fill(k, ElementType::kF32, p.k);
  for (int head = 0; head < p.n_kv_heads; ++head)
    for (int key = 0; key < p.n_keys; ++key)
      for (int column = 0; column < p.n_keys; ++column)
        static_cast<float*>(v->data)[(head * p.n_keys + key) * p.n_keys + column] = key == column ? 1.0f : 0.0f;
  for (int row = 0; row < p.n_queries; ++row)
    for (int key = 0; key < p.n_keys; ++key)
      write_element(static_cast<char*>(mask->data) + row * mask->nb[1] + key * 2, ElementType::kF16, p.mask(row, key));
  ggml_tensor* attention = ggml_flash_attn_ext(context.get(), q, k, v, mask, p.scale, p.max_bias, p.logit_softcap);
  if (!p.sink_logits.empty()) {
    ggml_tensor* sinks = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, p.n_heads);
    std::copy(p.sink_logits.begin(), p.sink_logits.end(), static_cast<float*>(sinks->data));
    ggml_flash_attn_ext_add_sinks(attention, sinks);
  }
  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, attention);
  ASSERT_EQ(ggml_graph_compute_with_ctx(context.get(), graph, 2), GGML_STATUS_SUCCESS);

  AttentionMask read_mask;
  read_mask.read({mask->data, ElementType::kF16, mask->nb[1], p.n_keys},
                 {p.query_position, p.query_sequence, p.key_position, p.key_sequence}, p.min_distance);
  ColumnSums column_sums;
  const AttentionInputs inputs{
      p.n_heads,  p.n_kv_heads,    p.head_dim,   view_of(q, ElementType::kF32), view_of(k, ElementType::kF32), p.scale,
      p.max_bias, p.logit_softcap, p.sink_logits};
  const AttentionSums found = column_sums.compute(inputs, read_mask, {});
  for (int head = 0; head < p.n_heads; ++head) {
    double learned_mass = p.sink_logits.empty() ? 0 : p.n_queries;
    for (int key = 0; key < p.n_keys; ++key) {
      double sum = 0;  // output [n_queries, n_heads, n_keys]
      for (int query = 0; query < p.n_queries; ++query)
        sum += static_cast<const float*>(attention->data)[(query * p.n_heads + head) * p.n_keys + key];
      if (!p.sink_logits.empty()) learned_mass -= sum;
      // ggml's exponential and tanh are its own, of float32.
      EXPECT_NEAR(found.sums(head, key), sum, 1e-4 * sum + 1e-6) << "head " << head << " key " << key;
    }
    EXPECT_NEAR(found.learned_mass[head], learned_mass, 1e-3) << "head " << head;
  }
}

TEST(GgmlAgreement, ColumnSumsAreThoseOfFlashAttention) {
  expect_agreement({.name = "causal", .n_queries = 64, .first_query = 96});
  expect_agreement({.name = "window", .n_queries = 64, .first_query = 96, .window = 30});
  expect_agreement({.name = "soft cap", .n_queries = 64, .first_query = 96, .logit_softcap = 6, .sharpness = 4});
  expect_agreement({.name = "alibi", .n_queries = 64, .first_query = 96, .n_heads = 8, .max_bias = 8});
  expect_agreement(
      {.name = "alibi, odd heads", .n_queries = 64, .first_query = 96, .n_heads = 12, .n_kv_heads = 4, .max_bias = 8});
  expect_agreement({.name = "learned sinks", .n_queries = 64, .first_query = 96, .sink_logits = true});
  expect_agreement({.name = "one query", .n_queries = 1, .first_query = 159, .max_bias = 8, .sink_logits = true});
}

}  // namespace
}  // namespace sinkscope
