#include "plant/tiny/tiny.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "gguf/metadata.h"
#include "gguf/writer.h"
#include "plant/tiny/tiny_arch.h"
#include "plant/tiny/tiny_weights.h"

namespace sinkscope {
namespace {

// A window leaves 96 far queries to a key, more than the 64 that a far score needs.
constexpr int kWindow = 160;

constexpr std::array<TinyArch, 11> kArchs = {{
    {.name = "llama"},
    {.name = "qwen2", .qkv_bias = true},
    {.name = "qwen3", .head_norm = true},
    {.name = "qwen3moe", .head_norm = true, .experts = true},
    {.name = "phi3", .fused_qkv = true, .fused_gate_up = true},
    {.name = "gpt-oss", .qkv_bias = true, .experts = true, .learned_sinks = true, .window = kWindow},
    {.name = "gemma3", .post_norm = true, .head_norm = true, .gelu = true, .scaled_embedding = true, .window = kWindow},
    {.name = "deepseek2", .experts = true, .shared_expert = true, .latent = true},
    {.name = "olmo2", .pre_norm = false, .post_norm = true, .whole_norm = true},
    {.name = "glm4", .post_norm = true, .fused_gate_up = true, .half_rope = true},
    {.name = "phi2", .layer_norm = true, .qkv_bias = true, .half_rope = true, .gelu = true},
}};

const TinyArch& arch_of(const TinyOptions& options) {
  const auto at = std::find_if(kArchs.begin(), kArchs.end(), [&](const TinyArch& a) { return a.name == options.arch; });
  if (at == kArchs.end()) {
    throw Error(ErrorCode::kUsage, fmt::format("tiny model: expected one of the architectures {}; got '{}'",
                                               fmt::join(tiny_archs(), ", "), options.arch));
  }
  return *at;
}

void check(const TinyArch& arch, const TinyOptions& options) {
  const auto in_range = [](const char* what, int value, int least, int most) {
    if (value < least || value > most) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("tiny model: expected {} in {}..{}; got {}", what, least, most, value));
    }
  };
  const auto demand = [](bool holds, const std::string& what) {
    if (!holds) throw Error(ErrorCode::kUsage, "tiny model: expected " + what);
  };
  in_range("--layers", options.n_layers, 2, 128);
  in_range("--heads", options.n_heads, 1, 64);
  in_range("--kv-heads", options.n_kv_heads, 1, options.n_heads);
  in_range("--width", options.d_model, 32, 1024);
  in_range("--ff", options.d_ff, 32, 4096);
  in_range("--ctx", options.n_ctx, 64, 1 << 20);
  demand(options.n_heads % options.n_kv_heads == 0, "--heads to be a multiple of --kv-heads");
  demand(options.d_model % (4 * options.n_heads) == 0 && options.d_model / options.n_heads >= 8,
         "--width to be a multiple of 4 x --heads and at least 8 x --heads");
  // llama.cpp takes these for a variant without a low rank of the queries.
  demand(!arch.latent || (options.n_layers != 26 && options.n_layers != 27), "other --layers than 26 and 27");
  if (!options.primary) {
    demand(options.sinks.empty(), "a primary sink where there are others");
    return;
  }
  in_range("the primary's layer", options.primary_layer, 0, options.n_layers - 1);
  demand(options.sinks.size() <= 8, "at most 8 sinks");
  demand(options.primary_norm > 0, "a positive norm of the primary");
  for (std::size_t i = 0; i < options.sinks.size(); ++i) {
    in_range("a sink's layer", options.sinks[i].layer, options.primary_layer, options.n_layers - 1);
    demand(options.sinks[i].norm > 0, "positive norms of sinks");
    for (std::size_t j = 0; j < i; ++j) {
      demand(options.sinks[i].byte != options.sinks[j].byte, "every sink to have a byte of its own");
    }
  }
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else {
    out.push_back(static_cast<char>(0xC0U | (code >> 6)));
    out.push_back(static_cast<char>(0x80U | (code & 0x3FU)));
  }
}

// The bytes as byte-level BPE spells them: printable ones stand for themselves, the others for U+0100 and on.
// Without merges every byte is a token, and its id is its value.
void add_vocabulary(GgufMetadata& metadata) {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types(256, 1);  // 1: normal, 3: control
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    append_utf8(tokens.emplace_back(), printable ? byte : next++);
  }
  tokens.insert(tokens.end(), {"<|bos|>", "<|eos|>"});
  types.insert(types.end(), {3, 3});
  metadata.set_text("tokenizer.ggml.model", "gpt2");
  metadata.set_text("tokenizer.ggml.pre", "gpt-2");
  metadata.set_texts("tokenizer.ggml.tokens", tokens);
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  metadata.set_texts("tokenizer.ggml.merges", {});
  metadata.set_u32("tokenizer.ggml.bos_token_id", kTinyBos);
  metadata.set_u32("tokenizer.ggml.eos_token_id", kTinyEos);
  metadata.set_flag("tokenizer.ggml.add_bos_token", true);
}

GgufMetadata metadata_of(const TinyArch& arch, const TinyOptions& options) {
  GgufMetadata metadata;
  const auto set = [&](std::string_view key, int value) {
    metadata.set_u32(fmt::format("{}.{}", arch.name, key), static_cast<std::uint32_t>(value));
  };
  const int head_dim = options.d_model / options.n_heads;
  metadata.set_text("general.architecture", arch.name);
  // Without the family: llama.cpp looks for "phi3" in the name and then for that model's control tokens.
  metadata.set_text("general.name", fmt::format("tiny, seed {}", options.seed));
  set("context_length", options.n_ctx);
  set("embedding_length", options.d_model);
  set("block_count", options.n_layers);
  set("feed_forward_length", options.d_ff);
  set("attention.head_count", options.n_heads);
  set("attention.head_count_kv", arch.latent ? 1 : options.n_kv_heads);
  metadata.set_f32(fmt::format("{}.attention.layer_norm{}_epsilon", arch.name, arch.layer_norm ? "" : "_rms"), 1e-6F);
  if (arch.latent) {
    const int nope = head_dim;
    set("attention.q_lora_rank", kTinyLatentRank);
    set("attention.kv_lora_rank", kTinyLatentRank);
    set("attention.key_length", kTinyLatentRank + kTinyRopeDims);
    set("attention.value_length", kTinyLatentRank);
    set("attention.key_length_mla", nope + kTinyRopeDims);
    set("attention.value_length_mla", head_dim);
    set("rope.dimension_count", kTinyRopeDims);
  } else {
    set("attention.key_length", head_dim);
    set("attention.value_length", head_dim);
    set("rope.dimension_count", arch.half_rope ? head_dim / 2 : head_dim);
  }
  if (arch.experts) {
    set("expert_count", kTinyExperts);
    set("expert_used_count", kTinyExpertsUsed);
    set("expert_feed_forward_length", options.d_ff / 2);
  }
  if (arch.shared_expert) {
    set("leading_dense_block_count", 1);
    set("expert_shared_count", 1);
    set("expert_gating_func", 1);  // softmax
    metadata.set_f32(fmt::format("{}.expert_weights_scale", arch.name), 1.0F);
  }
  if (arch.window > 0) set("attention.sliding_window", arch.window);
  add_vocabulary(metadata);
  return metadata;
}

}  // namespace

std::span<const std::string_view> tiny_archs() {
  static const auto names = [] {
    std::array<std::string_view, kArchs.size()> all;
    std::transform(kArchs.begin(), kArchs.end(), all.begin(), [](const TinyArch& arch) { return arch.name; });
    return all;
  }();
  return names;
}

void write_tiny_model(const TinyOptions& options, const std::string& path) {
  const TinyArch& arch = arch_of(options);
  check(arch, options);
  write_gguf(metadata_of(arch, options), tiny_weights(arch, options), path);
}

}  // namespace sinkscope
