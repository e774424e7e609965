#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace sinkscope {

// An array of a safetensors file, as its header lists it.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // "F32", "I32", "U8"
  std::vector<std::size_t> shape;
  std::size_t n_bytes = 0;
};

// Writes the length of the header and the header; the arrays follow in their order, one after the other, little endian.
//
// metadata  texts by name
void write_safetensors_header(const std::vector<std::pair<std::string, std::string>>& metadata,
                              const std::vector<SafetensorsEntry>& entries, std::ostream& out);

// Numbers of four bytes, little endian.
void write_little_endian(const std::vector<float>& values, std::ostream& out);
void write_little_endian(const std::vector<std::int32_t>& values, std::ostream& out);

}  // namespace sinkscope
