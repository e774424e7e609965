#include "made_up_model.h"

#include <gguf.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "plant/tiny/tiny.h"

namespace sinkscope {
namespace {

using Gguf = std::unique_ptr<gguf_context, decltype(&gguf_free)>;

struct Filler {
  std::mt19937 random{1};
  std::vector<ggml_tensor*> made;
};

void fill(ggml_tensor* tensor, void* user_data) {
  auto& filler = *static_cast<Filler*>(user_data);
  const std::string_view name = tensor->name;
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  const bool gain = has("norm");
  std::normal_distribution<float> normal(gain ? 1.0f : 0.0f,
                                         gain ? 0.1f : 1.0f / std::sqrt(static_cast<float>(tensor->ne[0])));
  auto* values = static_cast<float*>(tensor->data);
  if (tensor->type == GGML_TYPE_F32) {
    for (std::int64_t i = 0; i < ggml_nelements(tensor); ++i) {
      values[i] = normal(filler.random);
      if (has("ssm_a")) values[i] = -std::abs(values[i]) - 0.1f;  // states must decay
      if (has("token_embd.")) values[i] *= 8;
    }
  } else {
    std::fill_n(static_cast<char*>(tensor->data), ggml_nbytes(tensor), '\0');
  }
  filler.made.push_back(tensor);
}

class Metadata {
 public:
  Metadata(gguf_context* gguf, std::string arch) : gguf_(gguf), prefix_(std::move(arch) + ".") {}
  void count(const char* name, std::uint32_t value) { gguf_set_val_u32(gguf_, key(name).c_str(), value); }
  void counts(std::initializer_list<std::pair<const char*, std::uint32_t>> pairs) {
    for (const auto& [name, value] : pairs) count(name, value);
  }
  void numbers(std::initializer_list<std::pair<const char*, float>> pairs) {
    for (const auto& [name, value] : pairs) gguf_set_val_f32(gguf_, key(name).c_str(), value);
  }
  void flag(const char* name, bool value) { gguf_set_val_bool(gguf_, key(name).c_str(), value); }
  template <typename T>
  void list(const char* name, gguf_type type, const std::array<T, kMadeUpBlocks>& values) {
    gguf_set_arr_data(gguf_, key(name).c_str(), type, values.data(), values.size());
  }

 private:
  std::string key(const char* name) const { return prefix_ + name; }
  gguf_context* gguf_;
  std::string prefix_;
};

bool is_one_of(std::string_view arch, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), arch) != names.end();
}

void add_attention(Metadata& metadata, std::string_view arch) {
  if (is_one_of(arch, {"jamba", "lfm2", "lfm2moe", "granitehybrid"})) {
    // Blocks with no keys are recurrent.
    metadata.list<std::uint32_t>("attention.head_count", GGUF_TYPE_UINT32, {4, 4, 4, 4});
    metadata.list<std::uint32_t>("attention.head_count_kv", GGUF_TYPE_UINT32, {0, 2, 0, 2});
  } else {
    metadata.counts({{"attention.head_count", 4}, {"attention.head_count_kv", arch == "olmoe" ? 4 : 2}});
  }
  if (is_one_of(arch, {"gemma4", "granite_swa", "mimo2", "step35", "spark2_5"})) {
    metadata.list<std::int8_t>("attention.sliding_window_pattern", GGUF_TYPE_BOOL, {1, 0, 1, 0});
  } else {
    metadata.count("attention.sliding_window_pattern", 2);
  }
  metadata.counts({{"attention.key_length", 32},
                   {"attention.value_length", 32},
                   {"attention.key_length_swa", 32},
                   {"attention.value_length_swa", 32},
                   {"attention.sliding_window", 64},
                   {"attention.temperature_length", 2048},
                   {"attention.shared_kv_layers", 0},
                   {"attention.group_norm_groups", 8},
                   {"attention.indexer.head_count", 2},
                   {"attention.indexer.key_length", 32},
                   {"attention.indexer.top_k", 64},
                   {"rope.dimension_count", 32},
                   {"rope.dimension_count_swa", 32}});
  metadata.list<std::int32_t>("rope.dimension_sections", GGUF_TYPE_INT32, {8, 8, 8, 8});
  metadata.numbers({{"attention.max_alibi_bias", 8},
                    {"attention.clamp_kqv", 1},
                    {"attention.layer_norm_epsilon", 1e-5f},
                    {"attention.layer_norm_rms_epsilon", 1e-5f},
                    {"attention.group_norm_epsilon", 1e-5f},
                    {"attention.scale", 0.2f},
                    {"attention.output_scale", 1},
                    {"attention.temperature_scale", 0.1f},
                    {"rope.freq_base", 10000},
                    {"rope.freq_base_swa", 10000}});
  if (is_one_of(arch, {"deepseek32", "glm-dsa"})) {
    // Keys are a latent of 64 numbers and 32 that rotate, one for all heads.
    metadata.counts({{"attention.head_count_kv", 1},
                     {"attention.q_lora_rank", 64},
                     {"attention.kv_lora_rank", 64},
                     {"attention.key_length", 96},
                     {"attention.value_length", 64},
                     {"attention.key_length_mla", 64},
                     {"attention.value_length_mla", 32},
                     {"attention.indexer.key_length", 64}});
  }
}

void add_the_rest(Metadata& metadata, std::string_view arch) {
  const bool delta_net = is_one_of(arch, {"qwen3next", "qwen35", "qwen35moe"});
  metadata.counts({{"vocab_size", kTinyVocab},
                   {"context_length", 2048},
                   {"embedding_length", 128},
                   {"embedding_length_per_layer_input", 32},
                   {"block_count", kMadeUpBlocks},
                   {"feed_forward_length", 256},
                   {"leading_dense_block_count", 1},
                   {"full_attention_interval", 2},
                   {"interleave_moe_layer_step", 2},
                   {"moe_every_n_layers", 2},
                   {"expert_count", 4},
                   {"expert_used_count", 2},
                   {"expert_shared_count", 1},
                   {"expert_feed_forward_length", 64},
                   {"expert_shared_feed_forward_length", 64},
                   {"expert_chunk_feed_forward_length", 64},
                   {"expert_gating_func", 2},
                   {"expert_group_count", 1},
                   {"expert_group_used_count", 1},
                   {"experts_per_group", 2},
                   {"ssm.conv_kernel", 4},
                   {"ssm.inner_size", 256},
                   {"ssm.state_size", is_one_of(arch, {"mamba", "jamba"}) ? 16 : 32},
                   {"ssm.time_step_rank", 8},
                   {"ssm.group_count", delta_net ? 4 : 1},
                   {"shortconv.l_cache", 3}});
  metadata.numbers({{"logit_scale", 1},
                    {"residual_scale", 1},
                    {"embedding_scale", 1},
                    {"attn_logit_softcapping", 50},
                    {"final_logit_softcapping", 30},
                    {"router_logit_softcapping", 30},
                    {"expert_weights_scale", 1},
                    {"expert_group_scale", 1}});
  metadata.flag("expert_weights_norm", true);
  metadata.flag("use_parallel_residual", false);
}

}  // namespace

void write_made_up_model(const std::string& arch, const std::string& path) {
  const std::string vocabulary = path + ".vocabulary";
  write_tiny_model({}, vocabulary);
  const Gguf gguf(gguf_init_from_file(vocabulary.c_str(), {true, nullptr}), gguf_free);
  std::filesystem::remove(vocabulary);
  gguf_set_val_str(gguf.get(), "general.architecture", arch.c_str());
  for (const char* name : {"xielu.alpha_n", "xielu.alpha_p", "xielu.beta", "xielu.eps"}) {
    const std::vector<float> each(kMadeUpBlocks, 0.5f);
    gguf_set_arr_data(gguf.get(), name, GGUF_TYPE_FLOAT32, each.data(), each.size());
  }
  Metadata metadata(gguf.get(), arch);
  add_attention(metadata, arch);
  add_the_rest(metadata, arch);

  Filler filler;
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = 0;
  const std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
      llama_model_init_from_user(gguf.get(), fill, &filler, params), llama_model_free);
  if (!model) throw Error(ErrorCode::kModel, arch + ": expected a made-up model, got none");
  const Gguf out(gguf_init_empty(), gguf_free);
  gguf_set_kv(out.get(), gguf.get());
  std::set<std::string> names;  // a tied matrix comes twice
  for (const ggml_tensor* tensor : filler.made) {
    if (names.insert(tensor->name).second) gguf_add_tensor(out.get(), tensor);
  }
  if (!gguf_write_to_file(out.get(), path.c_str(), false)) {
    throw Error(ErrorCode::kOutput, path + ": expected to write " + arch + ", got an error");
  }
}

}  // namespace sinkscope
