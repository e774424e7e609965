#pragma once

#include <llama.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gguf/metadata_override.h"

namespace sinkscope {

// Values that llama.cpp takes in place of a file's metadata. Of two for one key the first counts.
class LlamaOverrides {
 public:
  void add(const MetadataOverride& entry);
  void add(std::span<const MetadataOverride> entries);
  // In llama.cpp's form; null if there is none. Valid until the next add().
  const llama_model_kv_override* list();

 private:
  std::vector<llama_model_kv_override> entries_;
  std::vector<llama_model_kv_override> ended_;  // with the entry that ends the list
};

}  // namespace sinkscope
