#pragma once

#include <ggml.h>

#include <cstdint>
#include <cstring>

namespace sinkscope::gpu {

// What a FLASH_ATTN_EXT node says.
struct AttentionNode {
  explicit AttentionNode(const ggml_tensor &of)
      : node(of),
        query(*of.src[0]),
        key(*of.src[1]),
        value(*of.src[2]),
        mask(of.src[3]),
        sinks(of.src[4]),
        head_dim(query.ne[0]),
        n_queries(query.ne[1]),
        n_heads(query.ne[2]),
        n_kv_heads(key.ne[2]) {
    float numbers[3];
    std::memcpy(numbers, of.op_params, sizeof numbers);
    scale = numbers[0];
    max_bias = numbers[1];
    softcap = numbers[2];
  }

  const ggml_tensor &node, &query, &key, &value;
  const ggml_tensor *mask, *sinks;  // or null
  std::int64_t head_dim, n_queries, n_heads, n_kv_heads;
  float scale, max_bias, softcap;
};

}  // namespace sinkscope::gpu
