#include "gguf/metadata.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

static_assert(std::endian::native == std::endian::little, "GGUF files are read and written in the host's byte order");

namespace sinkscope {
namespace {

template <typename T>
T read_as(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
void append(std::vector<std::byte>& out, T value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}

void append_text(std::vector<std::byte>& out, std::string_view text) {
  append<std::uint64_t>(out, text.size());
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  out.insert(out.end(), bytes, bytes + text.size());
}

std::optional<std::int64_t> integer_at(GgufType type, const std::byte* at) {
  switch (type) {
    case GgufType::kU8:
      return read_as<std::uint8_t>(at);
    case GgufType::kI8:
      return read_as<std::int8_t>(at);
    case GgufType::kU16:
      return read_as<std::uint16_t>(at);
    case GgufType::kI16:
      return read_as<std::int16_t>(at);
    case GgufType::kU32:
      return read_as<std::uint32_t>(at);
    case GgufType::kI32:
      return read_as<std::int32_t>(at);
    case GgufType::kI64:
      return read_as<std::int64_t>(at);
    case GgufType::kU64: {
      const auto value = read_as<std::uint64_t>(at);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> number_at(GgufType type, const std::byte* at) {
  if (type == GgufType::kF32) return read_as<float>(at);
  if (type == GgufType::kF64) return read_as<double>(at);
  if (const auto value = integer_at(type, at)) return static_cast<double>(*value);
  return std::nullopt;
}

// Element type, count and elements of an array's payload.
struct ArrayParts {
  GgufType type;
  std::uint64_t count;
  std::span<const std::byte> elements;
};

constexpr std::size_t kArrayHeader = sizeof(std::uint32_t) + sizeof(std::uint64_t);

std::optional<ArrayParts> array_parts(const GgufMetadata::Entry* entry) {
  if (entry == nullptr || entry->type != GgufType::kArray || entry->payload.size() < kArrayHeader) return std::nullopt;
  const std::byte* at = entry->payload.data();
  return ArrayParts{static_cast<GgufType>(read_as<std::uint32_t>(at)), read_as<std::uint64_t>(at + 4),
                    std::span(entry->payload).subspan(kArrayHeader)};
}

template <typename T, typename Decode>
std::optional<std::vector<T>> scalars(const GgufMetadata::Entry* entry, const Decode& decode) {
  const auto parts = array_parts(entry);
  if (!parts) return std::nullopt;
  const std::size_t bytes = scalar_bytes(parts->type);
  if (bytes == 0 || parts->elements.size() / bytes != parts->count) return std::nullopt;
  std::vector<T> values;
  values.reserve(parts->count);
  for (std::uint64_t i = 0; i < parts->count; ++i) {
    const auto value = decode(parts->type, parts->elements.data() + i * bytes);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

GgufMetadata::Entry scalar_entry(std::string_view key, GgufType type) { return {std::string(key), type, {}}; }

}  // namespace

std::size_t scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    default:
      return 0;
  }
}

const GgufMetadata::Entry* GgufMetadata::find(std::string_view key) const {
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  return at == entries_.end() ? nullptr : &*at;
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  return integer_at(entry->type, entry->payload.data());
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  return number_at(entry->type, entry->payload.data());
}

std::optional<bool> GgufMetadata::flag(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr || entry->type != GgufType::kBool) return std::nullopt;
  return read_as<std::uint8_t>(entry->payload.data()) != 0;
}

std::optional<std::string> GgufMetadata::text(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr || entry->type != GgufType::kString) return std::nullopt;
  const auto* chars = reinterpret_cast<const char*>(entry->payload.data());
  return std::string(chars + sizeof(std::uint64_t), entry->payload.size() - sizeof(std::uint64_t));
}

std::optional<std::vector<std::int64_t>> GgufMetadata::integers(std::string_view key) const {
  return scalars<std::int64_t>(find(key), integer_at);
}

std::optional<std::vector<double>> GgufMetadata::numbers(std::string_view key) const {
  return scalars<double>(find(key), number_at);
}

std::optional<std::vector<std::string>> GgufMetadata::texts(std::string_view key) const {
  const auto parts = array_parts(find(key));
  if (!parts || parts->type != GgufType::kString) return std::nullopt;
  std::vector<std::string> values;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < parts->count; ++i) {
    if (parts->elements.size() - at < sizeof(std::uint64_t)) return std::nullopt;
    const auto length = read_as<std::uint64_t>(parts->elements.data() + at);
    at += sizeof(std::uint64_t);
    if (parts->elements.size() - at < length) return std::nullopt;
    values.emplace_back(reinterpret_cast<const char*>(parts->elements.data() + at), length);
    at += length;
  }
  return values;
}

void GgufMetadata::set(Entry entry) {
  const auto at =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& existing) { return existing.key == entry.key; });
  if (at == entries_.end()) {
    entries_.push_back(std::move(entry));
  } else {
    *at = std::move(entry);
  }
}

void GgufMetadata::set_u32(std::string_view key, std::uint32_t value) {
  Entry entry = scalar_entry(key, GgufType::kU32);
  append(entry.payload, value);
  set(std::move(entry));
}

void GgufMetadata::set_f32(std::string_view key, float value) {
  Entry entry = scalar_entry(key, GgufType::kF32);
  append(entry.payload, value);
  set(std::move(entry));
}

void GgufMetadata::set_flag(std::string_view key, bool value) {
  Entry entry = scalar_entry(key, GgufType::kBool);
  append<std::uint8_t>(entry.payload, value ? 1 : 0);
  set(std::move(entry));
}

void GgufMetadata::set_text(std::string_view key, std::string_view value) {
  Entry entry = scalar_entry(key, GgufType::kString);
  append_text(entry.payload, value);
  set(std::move(entry));
}

void GgufMetadata::set_i32s(std::string_view key, std::span<const std::int32_t> values) {
  Entry entry = scalar_entry(key, GgufType::kArray);
  append(entry.payload, static_cast<std::uint32_t>(GgufType::kI32));
  append<std::uint64_t>(entry.payload, values.size());
  for (const std::int32_t value : values) append(entry.payload, value);
  set(std::move(entry));
}

void GgufMetadata::set_texts(std::string_view key, std::span<const std::string> values) {
  Entry entry = scalar_entry(key, GgufType::kArray);
  append(entry.payload, static_cast<std::uint32_t>(GgufType::kString));
  append<std::uint64_t>(entry.payload, values.size());
  for (const std::string& value : values) append_text(entry.payload, value);
  set(std::move(entry));
}

}  // namespace sinkscope
