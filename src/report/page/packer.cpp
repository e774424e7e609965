#include "report/page/packer.h"

#include <fmt/format.h>

#include <array>
#include <ostream>
#include <span>

#include "base/encodings.h"
#include "base/error.h"

namespace sinkscope {

Packer::Packer(std::ostream& out) : out_(out) {
  const int status = deflateInit(&stream_, Z_BEST_COMPRESSION);
  if (status != Z_OK) throw Error(ErrorCode::kInternal, fmt::format("zlib: expected Z_OK, got {}", status));
}

Packer::~Packer() { deflateEnd(&stream_); }

void Packer::add(std::string_view bytes) { deflate_all(bytes, Z_NO_FLUSH); }

void Packer::finish() {
  deflate_all({}, Z_FINISH);
  write({}, true);
}

void Packer::deflate_all(std::string_view bytes, int flush) {
  std::array<char, 65536> room;
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_.avail_in = static_cast<uInt>(bytes.size());
  int status = Z_OK;
  do {
    stream_.next_out = reinterpret_cast<Bytef*>(room.data());
    stream_.avail_out = static_cast<uInt>(room.size());
    status = deflate(&stream_, flush);
    if (status == Z_STREAM_ERROR) throw Error(ErrorCode::kInternal, "zlib: the stream is broken");
    write(std::string_view(room.data(), room.size() - stream_.avail_out), false);
  } while (stream_.avail_out == 0);
}

void Packer::write(std::string_view deflated, bool last) {
  waiting_ += deflated;
  const std::size_t n = last ? waiting_.size() : waiting_.size() / 3 * 3;
  out_ << base64(std::as_bytes(std::span(waiting_.data(), n)));
  waiting_.erase(0, n);
}

}  // namespace sinkscope
