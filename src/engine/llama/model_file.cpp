#include "engine/llama/model_file.h"

#include <llama-arch.h>

#include <algorithm>

#include "base/error.h"
#include "engine/llama/tensor_types.h"
#include "gguf/file.h"
#include "gguf/file_kind.h"
#include "gguf/metadata_override.h"
#include "gguf/model_notes.h"
#include "gguf/model_parts.h"

namespace sinkscope {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& key, const std::string& got) {
  throw Error(ErrorCode::kModel, path + ": expected a positive number for " + key + " in the model's metadata, got " +
                                     got + "; the file is damaged, fetch it again");
}

void check_numbers(const std::string& path, const GgufMetadata& metadata, const std::string& arch) {
  const llm_arch known = llm_arch_from_string(arch);
  if (known == LLM_ARCH_UNKNOWN) return;  // llama.cpp says so in a clear line
  // Some architectures divide the width by it. Layers that are no attention have none, and say so layer by layer.
  const std::string heads = arch + ".attention.head_count";
  if (!llm_arch_is_recurrent(known) && !llm_arch_is_hybrid(known)) {
    if (metadata.find(heads) == nullptr) refuse(path, heads, "none");
    if (metadata.integer(heads) == 0) refuse(path, heads, "0");
  }
  // RoPE steps through a head by it, and would never arrive.
  const std::string rotated = arch + ".rope.dimension_count";
  if (metadata.integer(rotated) == 0) refuse(path, rotated, "0");
}

constexpr std::string_view kLongFactors = "rope_factors_long.weight";

// llama.cpp takes the long factors in a context of more tokens than the model was first trained on, and makes contexts
// of a multiple of 256.
int short_tokens(const GgufMetadata& metadata, const std::string& arch) {
  constexpr std::int64_t kContextStep = 256;
  const auto trained = metadata.integer(arch + ".context_length").value_or(0);
  const auto first = metadata.integer(arch + ".rope.scaling.original_context_length").value_or(trained);
  return static_cast<int>(std::clamp<std::int64_t>(first, 0, kMostTrainedTokens) / kContextStep * kContextStep);
}

std::int64_t largest(const GgufMetadata& metadata, const std::string& key) {
  if (const auto all = metadata.integers(key); all && !all->empty()) return *std::ranges::max_element(*all);
  return metadata.integer(key).value_or(0);
}

ModelShape shape_of(const GgufFile& file, const std::string& arch) {
  const GgufMetadata& metadata = file.metadata();
  const auto of = [&](const char* key) { return largest(metadata, arch + "." + key); };
  ModelShape shape;
  shape.n_layers = of("block_count");
  shape.d_model = of("embedding_length");
  shape.d_ff = of("feed_forward_length");
  shape.n_heads = of("attention.head_count");
  const std::int64_t kv_heads = of("attention.head_count_kv"), head_dim = of("attention.key_length");
  shape.kv_width = (kv_heads > 0 ? kv_heads : shape.n_heads) *
                   (head_dim > 0 ? head_dim : shape.d_model / std::max<std::int64_t>(1, shape.n_heads));
  const GgufTensor* embedding = file.find("token_embd.weight");
  const GgufTensor* output = file.find("output.weight");
  if (embedding) shape.n_vocab = embedding->rows();
  if (const GgufTensor* matrix = output ? output : embedding) shape.n_vocabulary_bytes = matrix->n_bytes;
  return shape;
}

}  // namespace

ModelFile::ModelFile(const std::string& path, std::span<const std::string> override_kv) : path_(path) {
  GgufFile file(path);
  if (const auto other = what_is_other(file)) refuse_other_file(path, *other);
  for (const std::string& text : override_kv) {
    overrides_.push_back(metadata_override_from(text));
    override_metadata(file.metadata(), overrides_.back());
  }
  const GgufMetadata& metadata = file.metadata();
  arch_ = metadata.text("general.architecture").value_or("");
  check_numbers(path, metadata, arch_);
  check_tensor_types(file);
  trained_length_ = metadata.integer(arch_ + ".context_length");
  if (trained_length_) trained_length_ = std::min(*trained_length_, kMostTrainedTokens);
  notes_ = model_notes(file);
  shape_ = shape_of(file, arch_);
  std::int64_t n_f32 = 0, n_all = 0;
  bool has_long_factors = false;
  const auto count = [&](const GgufFile& part) {
    for (const GgufTensor& tensor : part.tensors()) {
      n_weight_bytes_ += tensor.n_bytes;
      n_all += tensor.n_elements();
      if (tensor.type == kGgufF32) n_f32 += tensor.n_elements();
      has_long_factors = has_long_factors || tensor.name.ends_with(kLongFactors);
    }
  };
  count(file);
  const std::vector<std::string> parts = model_parts(file);
  is_split_ = parts.size() > 1;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const GgufFile part(parts[i]);
    check_tensor_types(part);
    count(part);
  }
  stored_in_f32_ = 2 * n_f32 > n_all;
  if (has_long_factors) short_rope_tokens_ = short_tokens(metadata, arch_);
}
}  // namespace sinkscope
