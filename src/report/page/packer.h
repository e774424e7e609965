#pragma once

#include <zlib.h>

#include <iosfwd>
#include <string>
#include <string_view>

namespace sinkscope {

// Writes bytes as zlib (RFC 1950) stores them, in base64, as they come: what Block::packed does with bytes that it has
// whole. Nothing of the result ends an HTML element.
//
// throws  Error{kInternal} if zlib refuses
class Packer {
 public:
  explicit Packer(std::ostream& out);
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  void add(std::string_view bytes);
  void finish();

 private:
  void deflate_all(std::string_view bytes, int flush);
  void write(std::string_view deflated, bool last);

  std::ostream& out_;
  z_stream stream_{};
  std::string waiting_;  // less than three bytes, which base64 writes together
};

}  // namespace sinkscope
