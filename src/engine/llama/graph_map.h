#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probe/model_facts.h"

struct ggml_cgraph;

namespace sinkscope {

// A node of the compute graph: by its place in the order of computation, checked by name when it comes by.
struct GraphNode {
  int ordinal = 0;
  std::string name;
};

struct BlockNodes {
  std::optional<GraphNode> attention_input;
  std::optional<GraphNode> cached_keys, cached_values;  // GGML_OP_SET_ROWS into the cache that the attention reads
  std::optional<GraphNode> attention;                   // GGML_OP_FLASH_ATTN_EXT
  std::optional<GraphNode> attention_write;
  std::optional<GraphNode> mid_residual;
  std::optional<GraphNode> mlp_input;
  std::optional<GraphNode> mlp_write;
  std::optional<GraphNode> block_output;
  bool attention_input_is_keys = false;  // post-norm block: keys before RoPE stand in for the normed input
  int n_heads = 0;                       // of the attention node; 0 without one
  int n_kv_heads = 0;
  int cached_key_width = 0, cached_value_width = 0;  // numbers of a token; 0 without those nodes
  bool summed_on_device = false;  // a device would sum the attention's columns itself, if the block lies on one
};

// Where the probe points of a network lie in its compute graph.
struct GraphMap {
  std::optional<GraphNode> embedding;
  std::optional<GraphNode> final_norm;  // of the last block's output
  std::vector<BlockNodes> blocks;       // [n_layers]
  std::vector<Lacking> lacking;
};

// Finds the probe points by the graph's structure: the residual path from one block output to the next, what is
// added on it, which of these additions depends on attention, which norms read the path.
//
// graph   of one micro-batch, in the order of computation
// throws  Error{kModel} if a block's output cannot be found at all
// source  only block outputs are found by name: `l_out-L`, which nearly all of llama.cpp's transformers use, or that of
// the
//         norm which reads them
GraphMap map_graph(ggml_cgraph* graph, int n_layers);

}  // namespace sinkscope
