#include "report/data/safetensors_header.h"

#include <bit>
#include <cstdint>
#include <ostream>
#include <sstream>

#include "base/json_writer.h"

namespace sinkscope {
namespace {

template <typename T>
void write_numbers(const std::vector<T>& values, std::ostream& out) {
  static_assert(sizeof(T) == 4);
  if constexpr (std::endian::native == std::endian::little) {
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  } else {
    for (const T value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      for (unsigned shift = 0; shift < 32; shift += 8) out.put(static_cast<char>((bits >> shift) & 0xFFU));
    }
  }
}

}  // namespace

void write_safetensors_header(const std::vector<std::pair<std::string, std::string>>& metadata,
                              const std::vector<SafetensorsEntry>& entries, std::ostream& out) {
  std::ostringstream text;
  JsonWriter json(text);
  json.open_object(JsonLayout::kInline).key("__metadata__").open_object(JsonLayout::kInline);
  for (const auto& [name, value] : metadata) json.member(name, value);
  json.close();
  std::size_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    json.key(entry.name).open_object(JsonLayout::kInline).member("dtype", entry.dtype);
    json.key("shape").open_array(JsonLayout::kInline);
    for (const std::size_t axis : entry.shape) json.value(static_cast<std::int64_t>(axis));
    json.close().key("data_offsets").open_array(JsonLayout::kInline);
    json.value(static_cast<std::int64_t>(at));
    at += entry.n_bytes;
    json.value(static_cast<std::int64_t>(at)).close().close();
  }
  json.close();
  std::string header = text.str();
  header.pop_back();  // the writer's last line feed
  // Arrays begin on a multiple of 8 bytes; the format allows spaces behind the header.
  while (header.size() % 8 != 0) header += ' ';
  const auto length = static_cast<std::uint64_t>(header.size());
  for (unsigned shift = 0; shift < 64; shift += 8) out.put(static_cast<char>((length >> shift) & 0xFFU));
  out << header;
}

void write_little_endian(const std::vector<float>& values, std::ostream& out) { write_numbers(values, out); }
void write_little_endian(const std::vector<std::int32_t>& values, std::ostream& out) { write_numbers(values, out); }

}  // namespace sinkscope
