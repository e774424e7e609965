#pragma once

#include <zlib.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sinkscope::testing_samples {

// The reverse of base64, as plain as RFC 4648.
inline std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned word = 0, bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) throw std::runtime_error("no base64");
    word = word << 6U | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) bytes += static_cast<char>(word >> (bits -= 8) & 0xFFU);
  }
  return bytes;
}

// A block as the page reads it.
struct UnpackedBlock {
  nlohmann::json json;
  std::string data;

  template <typename T>
  std::vector<T> array(const std::string& name) const {
    const auto& entry = json.at("arrays").at(name);
    std::size_t n = 1;
    for (const std::size_t extent : entry.at("shape")) n *= extent;
    std::vector<T> values(n);
    const std::string bytes = data.substr(entry.at("offset"), n * sizeof(T));
    if (bytes.size() != n * sizeof(T)) throw std::runtime_error(name + " ends too early");
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
};

inline UnpackedBlock unpacked(std::string_view packed) {
  const std::string small = from_base64(packed);
  std::string bytes(std::size_t{1} << 24U, '\0');
  uLongf size = bytes.size();
  const int status = uncompress(reinterpret_cast<Bytef*>(bytes.data()), &size,
                                reinterpret_cast<const Bytef*>(small.data()), small.size());
  if (status != Z_OK) throw std::runtime_error("no zlib stream");
  bytes.resize(size);
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  return {nlohmann::json::parse(bytes.substr(4, length)), bytes.substr((4 + length + 3) / 4 * 4)};
}

}  // namespace sinkscope::testing_samples
