#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/views.h"

namespace sinkscope {

// A safetensors file, opened for reading. Nothing in it is trusted: every length and offset is checked against what
// the file really holds before it is used.
class SafetensorsFile {
 public:
  // throws  Error{kInput} if it cannot be read, or is no safetensors file
  // cost    reads the header only
  explicit SafetensorsFile(const std::string& path);

  std::vector<std::string> names() const;  // ascending
  // throws  Error{kInput} if there is no such array, it is no float32 [n, d], or holds a number that is not finite
  // cost    reads the array
  Matrix<float> matrix(const std::string& name) const;

 private:
  struct Entry {
    std::string type;
    std::vector<std::uint64_t> shape;
    std::uint64_t begin = 0, end = 0;  // bytes behind the header
  };
  std::string path_;
  std::uint64_t data_start_ = 0;
  std::map<std::string, Entry> entries_;
};

// One float32 array to be written.
struct NamedMatrix {
  std::string name;
  MatrixView<const float> values;
};
using TextPair = std::pair<std::string, std::string>;

// Float32 arrays [rows, cols] as safetensors, in this order.
//
// metadata  names and texts of the header's __metadata__
// throws    Error{kOutput} if `out` fails
void write_safetensors_arrays(std::span<const NamedMatrix> arrays, std::span<const TextPair> metadata,
                              std::ostream& out);

}  // namespace sinkscope
