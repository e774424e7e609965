#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/spool.h"
#include "report/quantise.h"

namespace sinkscope {

// A piece of the page's data: a JSON object and arrays that it describes.
//
//   bytes = uint32 length of the JSON, the JSON, zeros up to a multiple of 4, the arrays, each at a multiple of 4
//   JSON  = {"head": ..., "arrays": {name: {"type", "offset", "shape", "scale"?}}}
//
// Numbers are little endian; offsets count from the first array.
class Block {
 public:
  void add(const std::string& name, std::span<const std::size_t> shape, std::span<const float> values);
  void add(const std::string& name, std::span<const std::size_t> shape, std::span<const std::uint32_t> values);
  void add(const std::string& name, std::span<const std::size_t> shape, const Quantised& quantised);

  // head     JSON text
  // returns  the block's bytes, as zlib (RFC 1950) stores them, in base64: nothing in them ends an HTML element
  std::string packed(std::string_view head) const;
  // The same of a block without arrays, whose head may be large.
  //
  // throws  Error{kOutput} if the head has more than 4 GiB
  static void pack_head(const Spool& head, std::ostream& out);

 private:
  void add(const std::string& name, std::string_view type, std::span<const std::size_t> shape,
           std::span<const std::byte> bytes, std::string_view scale);

  std::string directory_;  // members of "arrays"
  std::string data_;
};

}  // namespace sinkscope
