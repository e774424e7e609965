#include "engine/llama/host_sums.h"

#include <ggml.h>

#include <cstring>

#include "engine/llama/tensor_access.h"

namespace sinkscope {
namespace {

float op_param(const ggml_tensor& node, int index) {
  float value;
  std::memcpy(&value, reinterpret_cast<const char*>(node.op_params) + sizeof(float) * static_cast<std::size_t>(index),
              sizeof(float));
  return value;
}

}  // namespace

bool HostSums::takes(const ggml_tensor& node) const { return node.op == GGML_OP_FLASH_ATTN_EXT; }

AttentionSums HostSums::sum(const ggml_tensor& node, const ColumnQuestion& question) {
  const ggml_tensor *query = node.src[0], *key = node.src[1], *sinks = node.src[4];
  AttentionInputs inputs;
  inputs.n_heads = static_cast<int>(query->ne[2]);
  inputs.n_kv_heads = static_cast<int>(key->ne[2]);
  inputs.head_dim = static_cast<int>(query->ne[0]);
  inputs.queries = head_vectors(query, query_bytes_);
  inputs.keys = head_vectors(key, key_bytes_);
  inputs.scale = op_param(node, 0);
  inputs.max_bias = op_param(node, 1);
  inputs.logit_softcap = op_param(node, 2);
  if (sinks) {
    inputs.sink_logits = {static_cast<const float*>(host_bytes(sinks, sink_bytes_)),
                          static_cast<std::size_t>(inputs.n_heads)};
  }
  return column_sums_.compute(inputs, *question.mask, question.watched, question.by_head, n_threads_);
}

}  // namespace sinkscope
