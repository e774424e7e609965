#include "engine/llama/llama_overrides.h"

#include <cstddef>
#include <variant>

namespace sinkscope {

void LlamaOverrides::add(const MetadataOverride& entry) {
  llama_model_kv_override made{};
  static_assert(sizeof made.key > MetadataOverride::kMostBytes && sizeof made.val_str > MetadataOverride::kMostBytes);
  entry.key.copy(made.key, MetadataOverride::kMostBytes);
  if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) {
    made.tag = LLAMA_KV_OVERRIDE_TYPE_INT;
    made.val_i64 = *integer;
  } else if (const auto* number = std::get_if<double>(&entry.value)) {
    made.tag = LLAMA_KV_OVERRIDE_TYPE_FLOAT;
    made.val_f64 = *number;
  } else if (const auto* flag = std::get_if<bool>(&entry.value)) {
    made.tag = LLAMA_KV_OVERRIDE_TYPE_BOOL;
    made.val_bool = *flag;
  } else {
    made.tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    std::get<std::string>(entry.value).copy(made.val_str, MetadataOverride::kMostBytes);
  }
  entries_.push_back(made);
}

void LlamaOverrides::add(std::span<const MetadataOverride> entries) {
  for (const MetadataOverride& entry : entries) add(entry);
}

const llama_model_kv_override* LlamaOverrides::list() {
  if (entries_.empty()) return nullptr;
  ended_ = entries_;
  ended_.emplace_back();
  return ended_.data();
}

}  // namespace sinkscope
