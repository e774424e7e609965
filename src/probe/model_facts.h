#pragma once

#include <string>
#include <vector>

#include "probe/vocabulary.h"

namespace sinkscope {

// What a model is: its dimensions and names, as read from its file.
struct ModelFacts : VocabularyFacts {
  std::string arch;  // general.architecture: "llama", "qwen2", ...
  std::string type;  // as llama.cpp describes it: "llama 135M Q4_1"
  std::string path;  // where it was read; never written to results
  int n_layers = 0;
  int d_model = 0;
  int n_ctx_train = 0;
  int sliding_window = 0;       // keys that a query sees in blocks with a window, itself among them; 0: none has one
  std::vector<int> n_heads;     // [n_layers]; 0 where a block has no attention
  std::vector<int> n_kv_heads;  // [n_layers]
  int n_heads_max = 0;
  // What the network shows, by layer; Model::lacking() says why not.
  std::vector<bool> has_attention;        // column sums, key and value norms
  std::vector<bool> has_mid_residual;     // r_l
  std::vector<bool> has_writes;           // attention and MLP write: by r_l, in parallel blocks the nodes themselves
  std::vector<bool> has_attention_input;  // so the read alignment of the layer before
  // Numbers of a token's keys and values in the cache, of all KV heads; 0 where cached_keys and cached_values are
  // lacking.
  std::vector<int> cached_key_width, cached_value_width;
};

// A quantity that the network of this model does not show, with the reason, by layer.
struct Lacking {
  int layer = 0;
  std::string what;  // "attention", "residual between attention and MLP", ...
  std::string why;
};

// Where in the network a quantity is observed.
struct ProbeNode {
  int layer = 0;  // -1: the embedding
  std::string what;
  std::string node;  // the compute graph's own name
};

}  // namespace sinkscope
