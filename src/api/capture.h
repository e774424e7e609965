#pragma once

#include <string>
#include <vector>

namespace sinkscope {

// Something that a run shows, and Scanner::capture keeps.
struct Captured {
  std::string name;  // one of captured_names()
  int layer = 0;     // -1: of "embedding" only
};

// Probe points, whose states are [n_tokens, width]: "embedding", "attention_input", "mid_residual", "mlp_input",
// "block_output", "attention_write", "mlp_write", "cached_keys", "cached_values". Sums over queries of what each key receives, [n_heads, n_tokens]:
// "attention_sums", and over far queries "far_attention_sums". Norms, [n_tokens]: "key_norm", "value_norm".
std::vector<std::string> captured_names();

}  // namespace sinkscope
