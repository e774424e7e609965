#pragma once

#include <string>
#include <vector>

#include "base/ids.h"

namespace sinkscope {

// What a model is: its dimensions and names, as read from its file.
struct ModelFacts {
  std::string name;  // general.name, or the file's name without its folder
  std::string arch;  // general.architecture: "llama", "qwen2", ...
  std::string type;  // as llama.cpp describes it: "llama 135M Q4_1"
  std::string path;  // where it was read; never written to results
  int n_layers = 0;
  int d_model = 0;
  int n_vocab = 0;
  int n_ctx_train = 0;
  std::vector<int> n_heads;     // [n_layers]; 0 where a block has no attention
  std::vector<int> n_kv_heads;  // [n_layers]
  int n_heads_max = 0;
  TokenId bos = -1;       // -1: the vocabulary has none
  bool adds_bos = false;  // the model's own setting
  bool has_chat_template = false;
};

inline constexpr char kLacksAttention[] = "attention";
inline constexpr char kLacksMidResidual[] = "residual between attention and MLP";

// A quantity that the network of this model does not show, with the reason, by layer.
struct Lacking {
  int layer = 0;
  std::string what;  // kLacksAttention, kLacksMidResidual, ...
  std::string why;
};

}  // namespace sinkscope
