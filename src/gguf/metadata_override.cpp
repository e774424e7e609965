#include "gguf/metadata_override.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace sinkscope {
namespace {

[[noreturn]] void refuse_override(std::string_view text, std::string_view got) {
  throw Error(ErrorCode::kUsage,
              fmt::format("--override-kv {}: expected KEY=TYPE:VALUE with type int, float, bool or str, got {}; for "
                          "instance tokenizer.ggml.add_bos_token=bool:false",
                          text, got));
}

template <typename Number>
Number number_from(std::string_view text, std::string_view value) {
  Number number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) refuse_override(text, fmt::format("'{}'", value));
  return number;
}

// What a stored value is called in an override; nothing for lists.
std::optional<std::string_view> kind_of(GgufType type) {
  switch (type) {
    case GgufType::kBool:
      return "bool";
    case GgufType::kString:
      return "str";
    case GgufType::kF32:
    case GgufType::kF64:
      return "float";
    case GgufType::kArray:
      return std::nullopt;
    default:
      return "int";
  }
}

constexpr std::string_view kKinds[] = {"int", "float", "bool", "str"};  // as the value's alternatives

template <typename Value>
GgufMetadata::Entry entry_of(const std::string& key, GgufType type, Value value) {
  GgufMetadata::Entry entry{key, type, std::vector<std::byte>(sizeof value)};
  std::memcpy(entry.payload.data(), &value, sizeof value);
  return entry;
}

}  // namespace

MetadataOverride metadata_override_from(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::size_t colon = equals == text.npos ? text.npos : text.find(':', equals);
  if (equals == 0 || colon == text.npos) refuse_override(text, "none of that form");
  if (equals > MetadataOverride::kMostBytes) refuse_override(text, fmt::format("a key of {} bytes", equals));
  const std::string_view type = text.substr(equals + 1, colon - equals - 1), value = text.substr(colon + 1);
  MetadataOverride entry{std::string(text.substr(0, equals)), {}};
  if (type == "int") {
    entry.value = number_from<std::int64_t>(text, value);
  } else if (type == "float") {
    entry.value = number_from<double>(text, value);
  } else if (type == "bool" && (value == "true" || value == "false")) {
    entry.value = value == "true";
  } else if (type == "str" && value.size() <= MetadataOverride::kMostBytes) {
    entry.value = std::string(value);
  } else {
    refuse_override(text,
                    fmt::format("{} of type '{}'",
                                value.size() > MetadataOverride::kMostBytes ? fmt::format("{} bytes", value.size())
                                                                            : fmt::format("'{}'", value),
                                type));
  }
  return entry;
}

void override_metadata(GgufMetadata& metadata, const MetadataOverride& entry) {
  const std::string_view kind = kKinds[entry.value.index()];
  if (const GgufMetadata::Entry* stored = metadata.find(entry.key)) {
    const auto expected = kind_of(stored->type);
    if (expected != kind) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--override-kv {}: expected {}, got {}", entry.key,
                              expected ? fmt::format("type {}, as the model's file has it", *expected)
                                       : "a key whose value is no list",
                              kind));
    }
  }
  if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) {
    metadata.set(entry_of(entry.key, GgufType::kI64, *integer));
  } else if (const auto* number = std::get_if<double>(&entry.value)) {
    metadata.set(entry_of(entry.key, GgufType::kF64, *number));
  } else if (const auto* flag = std::get_if<bool>(&entry.value)) {
    metadata.set_flag(entry.key, *flag);
  } else {
    metadata.set_text(entry.key, std::get<std::string>(entry.value));
  }
}

}  // namespace sinkscope
