#include "report/data/safetensors.h"

#include <fmt/format.h>

#include <bit>
#include <ostream>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"

namespace sinkscope {
namespace {

constexpr std::size_t kElement_bytes = 4;  // of F32 and of I32

// One array as the header lists it.
struct Entry {
  std::int64_t ordinal;
  ProfileShape array;  // of token_ids: one axis
};

constexpr const char* kTokenIds = "token_ids";

std::size_t size_bytes(const Entry& entry) {
  std::size_t n = kElement_bytes;
  for (const std::size_t axis : entry.array.shape) n *= axis;
  return n;
}

std::vector<Entry> entries_of(const ScanFile& file, std::int64_t first, std::int64_t last) {
  std::vector<Entry> entries;
  for (std::int64_t ordinal = first; ordinal <= last; ++ordinal) {
    const auto shapes = file.profile_shapes(ordinal);
    if (shapes.empty()) continue;
    entries.push_back({ordinal, {kTokenIds, {shapes.front().columns()}, ProfileEncoding::kFloat}});
    for (const ProfileShape& shape : shapes) entries.push_back({ordinal, shape});
  }
  return entries;
}

std::string header_of(const ScanFile& file, const std::vector<Entry>& entries, bool prefixed) {
  std::ostringstream text;
  JsonWriter json(text);
  json.open_object(JsonLayout::kInline).key("__metadata__").open_object(JsonLayout::kInline);
  json.member("schema", "sinkscope.profiles/1").member("model", file.model().facts.name);
  json.member("model_sha256", file.model().sha256);
  json.member("precision", "stored as float16 times a power of two for each row: relative error at most 2^-11").close();
  std::size_t at = 0;
  for (const Entry& entry : entries) {
    json.key(prefixed ? fmt::format("{}/{}", entry.ordinal, entry.array.name) : entry.array.name);
    json.open_object(JsonLayout::kInline).member("dtype", entry.array.name == kTokenIds ? "I32" : "F32");
    json.key("shape").open_array(JsonLayout::kInline);
    for (const std::size_t axis : entry.array.shape) json.value(static_cast<std::int64_t>(axis));
    json.close().key("data_offsets").open_array(JsonLayout::kInline);
    json.value(static_cast<std::int64_t>(at));
    at += size_bytes(entry);
    json.value(static_cast<std::int64_t>(at)).close().close();
  }
  json.close();
  std::string header = text.str();
  header.pop_back();  // the writer's last line feed
  // Arrays begin on a multiple of 8 bytes; the format allows spaces behind the header.
  while (header.size() % 8 != 0) header += ' ';
  return header;
}

// Numbers of four bytes, little endian.
template <typename T>
void write_numbers(const std::vector<T>& values, std::ostream& out) {
  static_assert(sizeof(T) == kElement_bytes);
  if constexpr (std::endian::native == std::endian::little) {
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  } else {
    for (const T value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      for (unsigned shift = 0; shift < 32; shift += 8) out.put(static_cast<char>((bits >> shift) & 0xFFU));
    }
  }
}

void write_length(std::uint64_t length, std::ostream& out) {
  for (unsigned shift = 0; shift < 64; shift += 8) out.put(static_cast<char>((length >> shift) & 0xFFU));
}

}  // namespace

void write_safetensors(const ScanFile& file, std::optional<std::int64_t> ordinal, std::ostream& out) {
  if (file.options().keep == Keep::kRuns) {
    throw Error(ErrorCode::kUsage,
                "safetensors: expected a file that keeps profiles, got one that keeps runs only; scan again with "
                "--keep profiles, or heads, into a new file");
  }
  const std::int64_t n_documents = file.n_documents();
  if (ordinal && (*ordinal < 0 || *ordinal >= n_documents)) {
    throw Error(ErrorCode::kInput,
                fmt::format("safetensors: expected a document from 0 to {}, got {}", n_documents - 1, *ordinal));
  }
  const auto entries = entries_of(file, ordinal.value_or(0), ordinal.value_or(n_documents - 1));
  const std::string header = header_of(file, entries, !ordinal && n_documents != 1);
  write_length(header.size(), out);
  out << header;
  for (const Entry& entry : entries) {
    if (entry.array.name == kTokenIds) {
      write_numbers(file.document(entry.ordinal).tokens, out);
    } else {
      write_numbers(file.profile(entry.ordinal, entry.array.name).values, out);
    }
    if (!out) break;
  }
  if (!out.flush()) throw Error(ErrorCode::kOutput, "safetensors: writing failed; check the free space");
}

}  // namespace sinkscope
