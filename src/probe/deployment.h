#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sinkscope {

// A LoRA adapter that is added to a model's weights while it runs.
struct LoraAdapter {
  std::string path;    // of its GGUF file; no part of what is measured
  std::string sha256;  // of that file; empty where nobody asked
  float scale = 1;

  bool operator==(const LoraAdapter& other) const { return sha256 == other.sha256 && scale == other.scale; }
};

// How a model is run where it is deployed: llama.cpp's settings, under its names, that change what the network
// computes. What is not set is as the model's file says.
struct Deployment {
  std::string cache_type_k = "f16";  // of cached keys: one of cache_type_names()
  std::string cache_type_v = "f16";  // of cached values
  // Quantised keys and values are turned by a Hadamard matrix first, where llama.cpp does so by default.
  bool cache_rotation = true;
  std::string rope_scaling;  // none, linear, yarn; empty: the model's
  std::optional<float> rope_freq_base;
  std::optional<float> rope_freq_scale;  // positions are multiplied by it
  std::optional<int> yarn_orig_ctx;      // tokens that the model was first trained on
  std::optional<float> yarn_ext_factor, yarn_attn_factor, yarn_beta_slow, yarn_beta_fast;
  std::vector<std::string> override_kv;  // "KEY=TYPE:VALUE", in place of what the file's metadata say
  std::vector<LoraAdapter> lora;

  bool operator==(const Deployment&) const = default;
};

// Visits every setting with its name: the one list that storing, reading and comparing share.
template <typename Settings, typename Visit>
void for_each_setting(Settings& deployment, Visit&& visit) {
  visit("cache_type_k", deployment.cache_type_k);
  visit("cache_type_v", deployment.cache_type_v);
  visit("cache_rotation", deployment.cache_rotation);
  visit("rope_scaling", deployment.rope_scaling);
  visit("rope_freq_base", deployment.rope_freq_base);
  visit("rope_freq_scale", deployment.rope_freq_scale);
  visit("yarn_orig_ctx", deployment.yarn_orig_ctx);
  visit("yarn_ext_factor", deployment.yarn_ext_factor);
  visit("yarn_attn_factor", deployment.yarn_attn_factor);
  visit("yarn_beta_slow", deployment.yarn_beta_slow);
  visit("yarn_beta_fast", deployment.yarn_beta_fast);
  visit("override_kv", deployment.override_kv);
  visit("lora", deployment.lora);
}

// "f32", "f16", "bf16", "q8_0", ...: what llama.cpp's own programs offer for caches.
const std::vector<std::string>& cache_type_names();

}  // namespace sinkscope
