#pragma once

#include <cstdint>
#include <vector>

#include "engine/attention/attention_mask.h"
#include "engine/llama/micro_batch.h"

struct ggml_tensor;

namespace sinkscope {

// The mask that an attention node reads, as it is now.
//
// copy     holds its numbers where they do not lie on the host
// returns  no data if the node has no mask
MaskTensor mask_of_node(const ggml_tensor* attention, std::vector<std::uint8_t>& copy);

// Reads a mask of a micro-batch.
//
// throws  Error{kModel} if some token does not see itself, or sees a later one: columns are cache cells, and this shows
//         that they follow the order of decoding
void read_causal_mask(const MaskTensor& tensor, const MicroBatch& batch, AttentionMask& mask);

}  // namespace sinkscope
