#include "engine/llama/graph_map.h"

#include <ggml.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"

namespace sinkscope {
namespace {

using Node = const ggml_tensor*;
using NodeSet = std::unordered_set<Node>;

bool only_moves_data(Node node) {
  switch (node->op) {
    case GGML_OP_VIEW:
    case GGML_OP_RESHAPE:
    case GGML_OP_PERMUTE:
    case GGML_OP_TRANSPOSE:
    case GGML_OP_CONT:
    case GGML_OP_CPY:
    case GGML_OP_DUP:
      return true;
    // Of the rows that are output: all of them in our runs. Rows of a weight are an embedding.
    case GGML_OP_GET_ROWS:
      return node->src[0]->op != GGML_OP_NONE;
    default:
      return false;
  }
}

bool is_weight(Node node) { return node->op == GGML_OP_NONE; }
bool is_norm(Node node) { return node->op == GGML_OP_RMS_NORM || node->op == GGML_OP_NORM; }

class Graph {
 public:
  explicit Graph(ggml_cgraph* graph) {
    const int n = ggml_graph_n_nodes(graph);
    nodes_.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) {
      Node node = ggml_graph_node(graph, i);
      nodes_.push_back(node);
      ordinal_[node] = i;
      by_name_[node->name].push_back(node);
    }
  }

  const std::vector<Node>& nodes() const { return nodes_; }
  bool contains(Node node) const { return ordinal_.contains(node); }
  GraphNode at(Node node) const { return {ordinal_.at(node), node->name}; }

  Node named(const std::string& name) const { return named(name, static_cast<int>(nodes_.size())); }
  // The last node of that name before the ordinal: a block may have two.
  Node named(const std::string& name, int before) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    const auto& nodes = found->second;
    const auto after = std::ranges::lower_bound(nodes, before, {}, [&](Node node) { return ordinal_.at(node); });
    return after == nodes.begin() ? nullptr : *std::prev(after);
  }

  // The scheduler replaces an input that lies on another device by a copy named "DEVICE#name#n": see through it.
  Node source(Node node, int i) const {
    Node src = node->src[i];
    if (src && is_weight(src)) {
      const char* first = std::strchr(src->name, '#');
      const char* last = first ? std::strrchr(src->name, '#') : nullptr;
      if (first && last > first) {
        if (Node original = named(std::string(first + 1, last), ordinal_.at(node))) return original;
      }
    }
    return src;
  }

  // Follows operations that only move data back to what they move.
  Node origin(Node node) const {
    while (node && only_moves_data(node) && source(node, 0)) node = source(node, 0);
    return node;
  }

  // The same, through a factor that a whole block's output is multiplied with (Gemma 4).
  Node unscaled(Node node) const {
    node = origin(node);
    if (node->op != GGML_OP_MUL || !is_weight(source(node, 1)) || ggml_nelements(source(node, 1)) != 1) return node;
    return origin(source(node, 0));
  }

  // What a norm reads, named after its gain or bias; null if no norm is named so.
  Node normed(const std::string& name) const {
    Node node = named(name);
    while (node && !is_norm(node)) {
      const bool gain = (node->op == GGML_OP_MUL || node->op == GGML_OP_ADD) && is_weight(source(node, 1));
      node = gain ? source(node, 0) : nullptr;
    }
    return node ? origin(source(node, 0)) : nullptr;
  }

  // All that `from` is computed from, itself included, without going past `stop`.
  NodeSet ancestors(Node from, Node stop) const {
    NodeSet seen;
    std::vector<Node> open{from};
    while (!open.empty()) {
      Node node = open.back();
      open.pop_back();
      if (!node || !seen.insert(node).second || node == stop) continue;
      for (int i = 0; i < GGML_MAX_SRC; ++i) {
        if (Node src = source(node, i)) open.push_back(src);
      }
    }
    return seen;
  }

 private:
  std::vector<Node> nodes_;
  std::unordered_map<Node, int> ordinal_;
  std::unordered_map<std::string, std::vector<Node>> by_name_;  // in the order of computation
};

// One addition on the residual path: sum = (path so far) + write.
struct Addition {
  Node sum;
  Node write;
};

// The additions that lead from `from` to `to`, in order of computation; empty if there is no such path.
std::vector<Addition> residual_path(const Graph& graph, Node to, Node from, int depth = 0) {
  Node sum = graph.origin(to);
  if (sum->op != GGML_OP_ADD || depth > 8) return {};
  for (int side = 0; side < 2; ++side) {
    Node next = graph.origin(graph.source(sum, side));
    const Addition addition{sum, graph.source(sum, 1 - side)};
    if (next == from) return {addition};
    if (auto path = residual_path(graph, next, from, depth + 1); !path.empty()) {
      path.push_back(addition);
      return path;
    }
  }
  return {};
}

// The topmost term of a sum on which another of its terms depends; null without one.
Node residual_term(const Graph& graph, Node sum) {
  std::vector<Node> terms{graph.origin(sum)};
  for (std::size_t i = 0; i < terms.size() && terms.size() < 32; ++i) {
    if (terms[i]->op != GGML_OP_ADD) continue;
    for (int side = 0; side < 2; ++side) {
      Node src = graph.origin(graph.source(terms[i], side));
      if (src && !is_weight(src)) terms.push_back(src);
    }
  }
  for (Node candidate : terms) {
    for (Node other : terms) {
      if (other == candidate || other->op == GGML_OP_ADD) continue;
      if (graph.ancestors(other, candidate).contains(candidate)) return candidate;
    }
  }
  return nullptr;
}

// A block's output. Most architectures name it; in some the name is that of what reads it, the next block's norm.
Node output_of(const Graph& graph, int layer, int n_layers) {
  if (Node output = graph.named("l_out-" + std::to_string(layer))) return output;
  Node output = graph.normed(layer + 1 < n_layers ? "attn_norm-" + std::to_string(layer + 1) : "result_norm");
  if (output) return output;
  throw Error(ErrorCode::kModel, "compute graph: expected the output of block " + std::to_string(layer) + " (l_out-" +
                                     std::to_string(layer) + "), got none; this architecture cannot be observed");
}

// What enters block 0: the residual terms of its output, followed down to where no term depends on another.
Node embedding_of(const Graph& graph, Node output) {
  Node node = residual_term(graph, graph.unscaled(output));
  while (Node deeper = node ? residual_term(graph, node) : nullptr) node = deeper;
  return node;
}

// The norm that reads `input` and on which `reader` depends, with its gain and bias; null without one.
Node norm_of(const Graph& graph, Node input, Node reader) {
  const NodeSet block = graph.ancestors(reader, input);
  const auto& nodes = graph.nodes();
  const auto first = std::find_if(nodes.begin(), nodes.end(), [&](Node node) {
    return block.contains(node) && is_norm(node) && graph.origin(graph.source(node, 0)) == input;
  });
  if (first == nodes.end()) return nullptr;
  Node norm = *first;
  for (auto it = first; it != nodes.end(); ++it) {
    Node node = *it;
    if ((node->op != GGML_OP_MUL && node->op != GGML_OP_ADD) || !block.contains(node)) continue;
    Node a = graph.source(node, 0), b = graph.source(node, 1);
    if ((a == norm && is_weight(b)) || (b == norm && is_weight(a))) norm = node;
  }
  return norm;
}

// The cache that an attention node reads as its source i: keys are source 1, values 2. Null if it reads none.
Node cache_of(const Graph& graph, Node attention, int i) {
  Node node = graph.source(attention, i);
  while (!node->view_src && only_moves_data(node)) node = graph.source(node, 0);
  return node->view_src;
}

// The node that writes a micro-batch's rows into a cache: the last that does; null without one.
Node write_to(const Graph& graph, Node cache) {
  Node written = nullptr;
  for (Node node : graph.nodes()) {
    if (node->op == GGML_OP_SET_ROWS && cache && node->view_src == cache) written = node;
  }
  return written;
}

// The keys of an attention node before RoPE: what is written to the cache that the node reads, traced back.
Node keys_before_rope(const Graph& graph, Node attention) {
  Node write = write_to(graph, cache_of(graph, attention, 1));
  if (!write) return nullptr;
  Node written = graph.origin(graph.source(write, 0));
  return written->op == GGML_OP_ROPE ? graph.origin(graph.source(written, 0)) : written;
}

class BlockMapper {
 public:
  BlockMapper(const Graph& graph, GraphMap& map) : graph_(graph), map_(map) {}

  void map_block(int layer, Node input, Node output) {
    layer_ = layer;
    input_ = input;
    BlockNodes& block = map_.blocks[static_cast<std::size_t>(layer)];
    block.block_output = graph_.at(output);
    Node attention = find_attention(block, graph_.ancestors(output, input));
    Node sum = graph_.unscaled(output);
    const auto path = residual_path(graph_, sum, input);
    if (path.empty()) {
      lack("residual stream", "the block's output is no sum that its input is a term of");
      return;
    }
    if (!find_sequential_writes(block, path)) find_parallel_writes(block, path, attention);
    find_attention_input(block, attention, path);
    find_cache_writes(block, attention);
    if (sum != graph_.origin(output)) {
      block.attention_write = block.mid_residual = block.mlp_write = std::nullopt;
      lack("attention write, MLP write", "the block's output is their sum times a learned factor");
    }
  }

 private:
  Node find_attention(BlockNodes& block, const NodeSet& inside) {
    std::vector<Node> found;
    for (Node node : graph_.nodes()) {
      if (node->op == GGML_OP_FLASH_ATTN_EXT && inside.contains(node)) found.push_back(node);
    }
    if (found.size() == 1) {
      block.attention = graph_.at(found.front());
      block.n_heads = static_cast<int>(found.front()->src[0]->ne[2]);
      block.n_kv_heads = static_cast<int>(found.front()->src[1]->ne[2]);
      return found.front();
    }
    if (found.size() > 1) {
      lack("attention", "the block has " + std::to_string(found.size()) + " attention nodes");
    } else if (graph_.named("kq_soft_max-" + std::to_string(layer_))) {
      lack("attention", "the network has no flash attention node here (it adds a bias to its attention logits)");
    } else {
      lack("attention", "the block has no attention (recurrent or convolutional)");
    }
    return nullptr;
  }

  bool depends(Node node, Node on) const { return on && graph_.ancestors(node, input_).contains(on); }

  // r_l is the first sum on the path that everything added later depends on.
  bool find_sequential_writes(BlockNodes& block, const std::vector<Addition>& path) {
    for (std::size_t j = 0; j + 1 < path.size(); ++j) {
      if (!std::all_of(path.begin() + static_cast<std::ptrdiff_t>(j) + 1, path.end(),
                       [&](const Addition& later) { return depends(later.write, path[j].sum); })) {
        continue;
      }
      set(block.mid_residual, path[j].sum);
      if (j == 0) set(block.attention_write, path[0].write);
      if (j + 2 == path.size()) set(block.mlp_write, path.back().write);
      Node norm = norm_of(graph_, path[j].sum, path[j + 1].write);
      set(block.mlp_input, norm ? norm : path[j].sum);
      return true;
    }
    return false;
  }

  void find_parallel_writes(BlockNodes& block, const std::vector<Addition>& path, Node attention) {
    lack("residual between attention and MLP", "attention and MLP read the same input (parallel residual)");
    std::vector<Node> writes;
    for (const Addition& addition : path) writes.push_back(graph_.origin(addition.write));
    if (writes.size() == 1 && writes[0]->op == GGML_OP_ADD) {
      Node sum = writes[0];
      writes = {graph_.source(sum, 0), graph_.source(sum, 1)};
    }
    const bool two = writes.size() == 2;
    const bool first_attends = two && depends(writes[0], attention);
    const bool second_attends = two && depends(writes[1], attention);
    if (first_attends == second_attends) {
      lack("attention write, MLP write", "which terms of the block's sum are whose cannot be told");
      return;
    }
    Node mlp = writes[first_attends ? 1 : 0];
    set(block.attention_write, writes[first_attends ? 0 : 1]);
    set(block.mlp_write, mlp);
    if (Node norm = norm_of(graph_, input_, mlp)) set(block.mlp_input, norm);
  }

  void find_attention_input(BlockNodes& block, Node attention, const std::vector<Addition>& path) {
    if (Node norm = norm_of(graph_, input_, attention ? attention : path.front().write)) {
      set(block.attention_input, norm);
    } else if (Node keys = attention ? keys_before_rope(graph_, attention) : nullptr) {
      set(block.attention_input, keys);
      block.attention_input_is_keys = block.attention_input.has_value();
    }
    if (!block.attention_input) lack("attention input", "no norm before attention, and no keys before RoPE");
  }

  // Blocks that read the cache of an earlier one write none, and where values are views of keys neither stands alone.
  void find_cache_writes(BlockNodes& block, Node attention) {
    if (!attention) return;
    Node keys = cache_of(graph_, attention, 1), values = cache_of(graph_, attention, 2);
    const auto [donor, is_its_own] = donor_of_cache_.try_emplace(keys, layer_);
    if (keys && !is_its_own) {
      lack("keys and values of its own",
           "the block reads those of block " + std::to_string(donor->second) + ": their norms are that block's");
    }
    if (keys == values) return;
    keys = write_to(graph_, keys);
    values = write_to(graph_, values);
    const int after = graph_.contains(input_) ? graph_.at(input_).ordinal : -1;
    if (!keys || !values || graph_.at(keys).ordinal < after || graph_.at(values).ordinal < after) return;
    set(block.cached_keys, keys);
    set(block.cached_values, values);
    block.cached_key_width = static_cast<int>(keys->ne[0]);
    block.cached_value_width = static_cast<int>(values->ne[0]);
  }

  void set(std::optional<GraphNode>& slot, Node node) const {
    if (node && graph_.contains(node)) slot = graph_.at(node);
  }

  void lack(std::string what, std::string why) { map_.lacking.push_back({layer_, std::move(what), std::move(why)}); }

  const Graph& graph_;
  GraphMap& map_;
  int layer_ = 0;
  Node input_ = nullptr;
  std::map<Node, int> donor_of_cache_;  // the first block that reads a cache
};

}  // namespace

GraphMap map_graph(ggml_cgraph* cgraph, int n_layers) {
  const Graph graph(cgraph);
  std::vector<Node> outputs;
  for (int layer = 0; layer < n_layers; ++layer) outputs.push_back(output_of(graph, layer, n_layers));
  if (const std::int64_t streams = outputs.front()->ne[2]; streams > 1) {
    throw Error(ErrorCode::kModel, "compute graph: expected one residual stream, got " + std::to_string(streams) +
                                       " side by side; this architecture cannot be observed");
  }
  GraphMap map;
  map.blocks.resize(static_cast<std::size_t>(n_layers));
  Node input = embedding_of(graph, outputs.front());
  if (!input) {
    throw Error(
        ErrorCode::kModel,
        "compute graph: expected a residual stream into block 0, got none; this architecture cannot be observed");
  }
  if (graph.contains(input)) map.embedding = graph.at(input);
  if (Node norm = graph.named("result_norm")) map.final_norm = graph.at(norm);
  BlockMapper mapper(graph, map);
  for (int layer = 0; layer < n_layers; ++layer) {
    Node output = outputs[static_cast<std::size_t>(layer)];
    mapper.map_block(layer, input, output);
    input = output;
  }
  return map;
}

}  // namespace sinkscope
