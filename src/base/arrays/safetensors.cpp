#include "base/arrays/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <sstream>

#include "base/error.h"
#include "base/json_writer.h"

namespace sinkscope {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kFloatBytes = 4;

[[noreturn]] void refuse(const std::string& path, const std::string& got) {
  throw Error(ErrorCode::kInput, fmt::format("'{}': expected a safetensors file, got {}", path, got));
}

std::uint64_t little_endian(std::span<const unsigned char> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8U | bytes[i];
  return value;
}

std::ifstream open_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw Error(ErrorCode::kInput, fmt::format("'{}': cannot be read; expected a safetensors file", path));
  }
  return file;
}

// A list of whole numbers, none negative.
std::optional<std::vector<std::uint64_t>> whole_numbers(const nlohmann::json& list) {
  if (!list.is_array()) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const auto& item : list) {
    if (!item.is_number_unsigned()) return std::nullopt;
    numbers.push_back(item.get<std::uint64_t>());
  }
  return numbers;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {
  std::ifstream file = open_file(path);
  const std::uint64_t size = std::filesystem::file_size(path);
  unsigned char length_bytes[kLengthBytes] = {};
  if (size < kLengthBytes || !file.read(reinterpret_cast<char*>(length_bytes), kLengthBytes)) {
    refuse(path, fmt::format("a file of {} bytes", size));
  }
  const std::uint64_t length = little_endian(length_bytes);
  if (length > std::min(kMaxHeaderBytes, size - kLengthBytes)) {
    refuse(path, fmt::format("a header of {} bytes in a file of {}", length, size));
  }
  std::string header(length, '\0');
  if (!file.read(header.data(), static_cast<std::streamsize>(length))) refuse(path, "a header that cannot be read");
  data_start_ = kLengthBytes + length;
  const auto parsed = nlohmann::json::parse(header, nullptr, false);
  if (!parsed.is_object()) refuse(path, "a header that is no JSON object");
  for (const auto& [name, value] : parsed.items()) {
    if (name == "__metadata__") continue;
    const bool complete = value.is_object() && value.contains("dtype") && value["dtype"].is_string() &&
                          value.contains("shape") && value.contains("data_offsets");
    const auto shape = complete ? whole_numbers(value["shape"]) : std::nullopt;
    const auto offsets = complete ? whole_numbers(value["data_offsets"]) : std::nullopt;
    if (!shape || !offsets || offsets->size() != 2) refuse(path, "an array without dtype, shape and data_offsets");
    if ((*offsets)[0] > (*offsets)[1] || (*offsets)[1] > size - data_start_) {
      refuse(path, "an array that lies outside of the file");
    }
    entries_[name] = {value["dtype"].get<std::string>(), *shape, (*offsets)[0], (*offsets)[1]};
  }
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

Matrix<float> SafetensorsFile::matrix(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    throw Error(ErrorCode::kInput,
                fmt::format("'{}': expected an array '{}', got {}", path_, name,
                            entries_.empty() ? std::string("none") : fmt::format("'{}'", fmt::join(names(), "', '"))));
  }
  const Entry& entry = found->second;
  const std::string what = fmt::format("'{}', array '{}': expected float32 [n, d]", path_, name);
  if (entry.type != "F32" || entry.shape.size() != 2) {
    throw Error(ErrorCode::kInput, fmt::format("{}, got {} [{}]", what, entry.type, fmt::join(entry.shape, ", ")));
  }
  const std::uint64_t rows = entry.shape[0], cols = entry.shape[1], bytes = entry.end - entry.begin;
  if (rows == 0 || cols == 0 || rows > bytes / kFloatBytes / cols || rows * cols * kFloatBytes != bytes) {
    throw Error(ErrorCode::kInput, fmt::format("{}, got [{}, {}] in {} bytes", what, rows, cols, bytes));
  }
  Matrix<float> matrix(rows, cols);
  std::ifstream file = open_file(path_);
  file.seekg(static_cast<std::streamoff>(data_start_ + entry.begin));
  if (!file.read(reinterpret_cast<char*>(matrix.data()), static_cast<std::streamsize>(bytes))) {
    throw Error(ErrorCode::kInput, what + ", got a file that cannot be read");
  }
  if constexpr (std::endian::native == std::endian::big) {
    for (std::size_t i = 0; i < rows * cols; ++i) {
      auto* raw = reinterpret_cast<unsigned char*>(matrix.data() + i);
      std::reverse(raw, raw + kFloatBytes);
    }
  }
  for (std::size_t i = 0; i < rows * cols; ++i) {
    if (!std::isfinite(matrix.data()[i])) {
      throw Error(ErrorCode::kInput, fmt::format("{}, got a number that is not finite in row {}", what, i / cols));
    }
  }
  return matrix;
}

void write_safetensors_arrays(std::span<const NamedMatrix> arrays, std::span<const TextPair> metadata,
                              std::ostream& out) {
  std::ostringstream text;
  JsonWriter json(text);
  json.open_object(JsonLayout::kInline).key("__metadata__").open_object(JsonLayout::kInline);
  for (const auto& [name, value] : metadata) json.member(name, value);
  json.close();
  std::int64_t at = 0;
  for (const NamedMatrix& array : arrays) {
    json.key(array.name).open_object(JsonLayout::kInline).member("dtype", "F32");
    json.key("shape").open_array(JsonLayout::kInline);
    json.value(static_cast<std::int64_t>(array.values.rows())).value(static_cast<std::int64_t>(array.values.cols()));
    json.close().key("data_offsets").open_array(JsonLayout::kInline).value(at);
    at += static_cast<std::int64_t>(array.values.rows() * array.values.cols() * kFloatBytes);
    json.value(at).close().close();
  }
  json.close();
  std::string header = text.str();
  header.pop_back();  // the writer's last line feed
  while (header.size() % kLengthBytes != 0) header += ' ';
  const auto write_number = [&](std::uint64_t number, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out.put(static_cast<char>(number >> (8 * i) & 0xFFU));
  };
  write_number(header.size(), kLengthBytes);
  out << header;
  for (const NamedMatrix& array : arrays) {
    for (std::size_t r = 0; r < array.values.rows(); ++r) {
      for (const float value : array.values.row(r)) write_number(std::bit_cast<std::uint32_t>(value), kFloatBytes);
    }
  }
  if (!out.flush()) throw Error(ErrorCode::kOutput, "safetensors: writing failed; check the free space");
}

}  // namespace sinkscope
