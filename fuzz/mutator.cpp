#include "fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sinkscope {
namespace {

constexpr std::array<std::uint64_t, 12> kEdges = {
    0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF};
constexpr std::size_t kMostBytes = std::size_t{1} << 20;

}  // namespace

std::string Mutator::next() {
  std::string bytes = seeds_[below(seeds_.size())];
  for (std::size_t n = below(6) + 1; n > 0; --n) change(bytes);
  if (bytes.size() > kMostBytes) bytes.resize(kMostBytes);
  return bytes;
}

void Mutator::change(std::string& bytes) {
  if (bytes.empty()) {
    bytes.push_back(static_cast<char>(random_()));
    return;
  }
  const std::size_t at = below(bytes.size());
  const std::size_t length = below(std::min<std::size_t>(bytes.size() - at, 64)) + 1;
  switch (below(8)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      break;
    case 1:
      bytes[at] = static_cast<char>(random_());
      break;
    case 2: {
      const std::uint64_t edge = kEdges[below(kEdges.size())];
      std::memcpy(bytes.data() + at, &edge, std::min(std::size_t{1} << below(4), bytes.size() - at));
      break;
    }
    case 3:
      bytes.erase(at, length);
      break;
    case 4:
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 5: {
      const std::string& other = seeds_[below(seeds_.size())];
      if (other.empty()) break;
      const std::size_t from = below(other.size());
      bytes.replace(at, length, other, from, below(other.size() - from) + 1);
      break;
    }
    case 6:
      bytes.resize(at);
      break;
    default:
      std::swap(bytes[at], bytes[below(bytes.size())]);
  }
}

}  // namespace sinkscope
