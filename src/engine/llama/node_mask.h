#pragma once

#include <cstdint>
#include <vector>

#include "engine/attention/attention_mask.h"
#include "engine/llama/micro_batch.h"

struct ggml_tensor;

namespace sinkscope {

// Whether a mask is made within the graph, and is no input of it: an indexer's selection.
//
// mask  may be null
bool is_computed_mask(const ggml_tensor* mask);

// The mask that an attention node reads, as it is now.
//
// copy     holds its numbers where they do not lie on the host
// returns  no data if the node has no mask
MaskTensor mask_of_node(const ggml_tensor* attention, std::vector<std::uint8_t>& copy);

// Reads a mask of a micro-batch.
//
// throws  Error{kModel} if some token sees a later one, or not itself where nothing is selected: columns are cache
// cells, and this shows
//         that they follow the order of decoding
void read_causal_mask(const MaskTensor& tensor, const MicroBatch& batch, AttentionMask& mask);

}  // namespace sinkscope
