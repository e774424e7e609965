#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

namespace sinkscope {

// A document's own stream of random numbers, so that draws do not depend on its place in a file.
//
// key  of the document: hexadecimal digits
inline std::uint64_t stream_of_document(const std::string& key) {
  std::uint64_t stream = 0;
  std::from_chars(key.data(), key.data() + std::min<std::size_t>(key.size(), 16), stream, 16);
  return stream;
}

}  // namespace sinkscope
