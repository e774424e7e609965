#include "engine/llama/node_mask.h"

#include <ggml.h>

#include <string>

#include "base/error.h"
#include "engine/llama/tensor_access.h"

namespace sinkscope {

bool is_computed_mask(const ggml_tensor* mask) {
  while (mask != nullptr && mask->src[0] != nullptr &&
         (mask->op == GGML_OP_VIEW || mask->op == GGML_OP_RESHAPE || mask->op == GGML_OP_PERMUTE ||
          mask->op == GGML_OP_TRANSPOSE || mask->op == GGML_OP_CONT || mask->op == GGML_OP_CPY ||
          mask->op == GGML_OP_DUP)) {
    mask = mask->src[0];
  }
  return mask != nullptr && mask->op != GGML_OP_NONE;
}

MaskTensor mask_of_node(const ggml_tensor* attention, std::vector<std::uint8_t>& copy) {
  const ggml_tensor* tensor = attention->src[3];
  if (!tensor) return {};
  return {host_bytes(tensor, copy), element_type_of(tensor), tensor->nb[1], static_cast<int>(tensor->ne[0]),
          is_computed_mask(tensor)};
}

void read_causal_mask(const MaskTensor& tensor, const MicroBatch& batch, AttentionMask& mask) {
  const auto first = static_cast<std::size_t>(batch.first_token), n = static_cast<std::size_t>(batch.n_tokens);
  mask.read(tensor,
            {batch.position.subspan(first, n), batch.sequence.subspan(first, n), batch.position.first(first + n),
             batch.sequence.first(first + n)},
            batch.min_distance, batch.n_threads);
  for (int query = 0; query < batch.n_tokens; ++query) {
    const VisibleKeys& seen = mask.visible()[static_cast<std::size_t>(query)];
    const int last = batch.first_token + query + 1;
    if (tensor.selects ? seen.last > last : seen.last != last) {
      throw Error(ErrorCode::kModel, "attention mask: expected token " + std::to_string(batch.first_token + query) +
                                         " to see itself and nothing later, got keys up to " +
                                         std::to_string(seen.last - 1) + "; is attention causal in this model?");
    }
  }
}

}  // namespace sinkscope
