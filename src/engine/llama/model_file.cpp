#include "engine/llama/model_file.h"

#include <llama-arch.h>

#include <filesystem>

#include "base/error.h"
#include "gguf/file.h"

namespace sinkscope {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& key, const std::string& got) {
  throw Error(ErrorCode::kModel, path + ": expected a positive number for " + key + " in the model's metadata, got " +
                                     got + "; the file is damaged, fetch it again");
}

void refuse_folder(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw Error(ErrorCode::kModel, path + ": expected a GGUF model file, got a folder; name the file in it");
  }
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

}  // namespace

ModelFile::ModelFile(const std::string& path) : path_(path) {
  refuse_folder(path);
  const GgufFile file(path);
  const GgufMetadata& metadata = file.metadata();
  arch_ = metadata.text("general.architecture").value_or("");
  check_numbers(path, metadata, arch_);
  trained_length_ = metadata.integer(arch_ + ".context_length");
  is_split_ = metadata.integer("split.count").value_or(0) > 1;
  std::int64_t n_f32 = 0, n_all = 0;
  for (const GgufTensor& tensor : file.tensors()) {
    n_weight_bytes_ += tensor.n_bytes;
    n_all += tensor.n_elements();
    if (tensor.type == kGgufF32) n_f32 += tensor.n_elements();
  }
  stored_in_f32_ = 2 * n_f32 > n_all;
}

}  // namespace sinkscope
