#pragma once

#include <cstdint>
#include <vector>

#include "base/views.h"
#include "engine/attention/elements.h"

struct ggml_tensor;

namespace sinkscope {

// The bytes of a tensor in host memory: its own where it lies there, else copied into `copy`.
const void* host_bytes(const ggml_tensor* tensor, std::vector<std::uint8_t>& copy);

// A node's vectors by token and head, [head_dim, tokens, heads] in ggml's order; the memory as of host_bytes. Quantised
// ones are made float32 in `copy`.
//
// throws  as element_type_of
// cost    none where they lie on the host; of quantised ones four bytes and one conversion a number
HeadVectors head_vectors(const ggml_tensor* tensor, std::vector<std::uint8_t>& copy);

// throws  Error{kModel} if the tensor's numbers are of a type that attention cannot be summed in
ElementType element_type_of(const ggml_tensor* tensor);

// A node's vectors, one row a token.
//
// n_tokens  the node's last dimension that is not 1 counts tokens
// returns   [n_tokens, width] float32; the node's own memory where it lies on the host as contiguous float32
// throws    Error{kModel} if the node is not of that shape
MatrixView<const float> token_rows(const ggml_tensor* tensor, int n_tokens, std::vector<std::uint8_t>& copy,
                                   std::vector<float>& rows);

}  // namespace sinkscope
