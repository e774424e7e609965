#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gguf/metadata_override.h"

namespace sinkscope {

// Dimensions as the metadata say them, where they do; else 0. Of quantities that differ by layer the largest.
struct ModelShape {
  std::int64_t n_layers = 0, d_model = 0, d_ff = 0, n_heads = 0, n_vocab = 0;
  std::int64_t kv_width = 0;             // numbers of a token's keys in one layer; its values have as many
  std::uint64_t n_vocabulary_bytes = 0;  // of the matrix that makes logits
};

// What is known of a model's file before anything of it is loaded. The file is opened and its header read once, when
// this is made; the vocabulary and the model are then loaded from it without asking again.
class ModelFile {
 public:
  // Refuses files that llama.cpp would crash or hang over, or describe in its own terms.
  //
  // path    a file of one model, or the first of its parts
  // override_kv  "KEY=TYPE:VALUE" each: what is taken in place of the file's metadata
  // throws  Error{kModel} if it is no whole GGUF file of a language model, has no number where llama.cpp divides or
  //         steps by it, or a part is missing; Error{kUsage} for an override that llama.cpp would not take
  // cost    reads the metadata of all parts, not the tensors
  explicit ModelFile(const std::string& path, std::span<const std::string> override_kv = {});

  const std::string& path() const { return path_; }
  const std::string& arch() const { return arch_; }  // general.architecture; empty if the file does not say
  // Tokens that the model was trained on at once; nothing if the file does not say.
  std::optional<std::int64_t> trained_length() const { return trained_length_; }
  // Whether most of the model's numbers are stored as float32: rounding them to bf16 would lose what quantised ones
  // never had.
  bool stored_in_f32() const { return stored_in_f32_; }
  // What is missing or odd and changes numbers, as model_notes.
  const std::vector<std::string>& notes() const { return notes_; }
  // Tokens up to which the model turns positions by its short RoPE factors: longer texts by the long ones. Nothing
  // where it has one set, or none.
  std::optional<int> short_rope_tokens() const { return short_rope_tokens_; }
  // Of the tensors in all parts.
  std::uint64_t n_weight_bytes() const { return n_weight_bytes_; }
  const ModelShape& shape() const { return shape_; }
  // What is taken in place of the file's metadata; all that this says of the model follows it.
  std::span<const MetadataOverride> overrides() const { return overrides_; }
  // Whether the rest of the model lies in other files.
  bool is_split() const { return is_split_; }

 private:
  std::string path_;
  std::string arch_;
  std::optional<std::int64_t> trained_length_;
  std::vector<std::string> notes_;
  bool stored_in_f32_ = false;
  std::optional<int> short_rope_tokens_;
  std::uint64_t n_weight_bytes_ = 0;
  ModelShape shape_;
  bool is_split_ = false;
  std::vector<MetadataOverride> overrides_;
};

}  // namespace sinkscope
