#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "gguf/metadata.h"

namespace sinkscope {

// A value in place of what a model's file says.
struct MetadataOverride {
  // Longest key and text that llama.cpp takes, in bytes.
  static constexpr std::size_t kMostBytes = 127;

  std::string key;
  std::variant<std::int64_t, double, bool, std::string> value;
};

// throws  Error{kUsage} if the text is not KEY=TYPE:VALUE with type int, float, bool or str
MetadataOverride metadata_override_from(std::string_view text);

// Puts the value in its place. llama.cpp ignores an override whose kind is not that of the key, so that is refused.
//
// throws  Error{kUsage} if the key has a value of another kind, or a list
void override_metadata(GgufMetadata& metadata, const MetadataOverride& entry);

}  // namespace sinkscope
