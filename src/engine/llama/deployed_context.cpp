#include "engine/llama/deployed_context.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "engine/llama/loading.h"
#include "gguf/file.h"

namespace sinkscope {
namespace {

llama_rope_scaling_type scaling_of(const std::string& name) {
  if (name.empty()) return LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED;
  if (name == "none") return LLAMA_ROPE_SCALING_TYPE_NONE;
  if (name == "linear") return LLAMA_ROPE_SCALING_TYPE_LINEAR;
  if (name == "yarn") return LLAMA_ROPE_SCALING_TYPE_YARN;
  throw Error(ErrorCode::kUsage, fmt::format("rope_scaling: expected none, linear or yarn, got '{}'", name));
}

// llama.cpp then reads what is whole, and what is meant for it.
void check_is_adapter(const std::string& path) {
  const GgufFile file(path);
  if (file.metadata().text("general.type") == "adapter" && file.metadata().text("adapter.type") == "lora") return;
  throw Error(ErrorCode::kUsage, fmt::format("--lora '{}': expected a LoRA adapter, got another GGUF file; llama.cpp's "
                                             "convert_lora_to_gguf.py makes adapters",
                                             path));
}

}  // namespace

ggml_type cache_type_of(const std::string& name) {
  constexpr std::array kTypes = {GGML_TYPE_F32,  GGML_TYPE_F16,    GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,
                                 GGML_TYPE_Q4_1, GGML_TYPE_IQ4_NL, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1};
  const auto found = std::ranges::find(kTypes, name, ggml_type_name);
  if (found != kTypes.end()) return *found;
  throw Error(ErrorCode::kUsage,
              fmt::format("cache type: expected one of {}, got '{}'", fmt::join(cache_type_names(), ", "), name));
}

llama_context_params deployed_context_params(const Deployment& deployment) {
  llama_context_params params = llama_context_default_params();
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  params.swa_full = true;  // columns of attention are then tokens, in order
  params.no_perf = true;
  params.type_k = cache_type_of(deployment.cache_type_k);
  params.type_v = cache_type_of(deployment.cache_type_v);
  params.rope_scaling_type = scaling_of(deployment.rope_scaling);
  params.rope_freq_base = deployment.rope_freq_base.value_or(params.rope_freq_base);
  params.rope_freq_scale = deployment.rope_freq_scale.value_or(params.rope_freq_scale);
  params.yarn_ext_factor = deployment.yarn_ext_factor.value_or(params.yarn_ext_factor);
  params.yarn_attn_factor = deployment.yarn_attn_factor.value_or(params.yarn_attn_factor);
  params.yarn_beta_slow = deployment.yarn_beta_slow.value_or(params.yarn_beta_slow);
  params.yarn_beta_fast = deployment.yarn_beta_fast.value_or(params.yarn_beta_fast);
  params.yarn_orig_ctx = static_cast<std::uint32_t>(deployment.yarn_orig_ctx.value_or(0));
  return params;
}

LoadedAdapters::LoadedAdapters(llama_model* model, const std::vector<LoraAdapter>& adapters) {
  for (const LoraAdapter& adapter : adapters) {
    check_is_adapter(adapter.path);
    take_llama_error();
    adapters_.emplace_back(llama_adapter_lora_init(model, adapter.path.c_str()));
    if (!adapters_.back()) {
      throw Error(ErrorCode::kUsage, fmt::format("--lora '{}': expected a LoRA adapter of this model, as a GGUF file, "
                                                 "got: {}",
                                                 adapter.path, llama_reason("a file that llama.cpp refuses")));
    }
    if (llama_adapter_get_alora_n_invocation_tokens(adapters_.back().get()) > 0) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--lora '{}': expected an adapter that is always on, got an activated one "
                              "(aLoRA), which begins at a token of its own",
                              adapter.path));
    }
    scales_.push_back(adapter.scale);
  }
}

void LoadedAdapters::give_to(llama_context* context) const {
  if (adapters_.empty()) return;
  std::vector<llama_adapter_lora*> all;
  for (const auto& adapter : adapters_) all.push_back(adapter.get());
  std::vector<float> scales = scales_;
  if (llama_set_adapters_lora(context, all.data(), all.size(), scales.data()) != 0) {
    throw Error(ErrorCode::kModel, "expected to add LoRA adapters, got: " + llama_reason("a failure"));
  }
}

}  // namespace sinkscope
