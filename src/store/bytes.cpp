#include "store/bytes.h"

#include <zlib.h>

#include "base/error.h"

namespace sinkscope {

std::uint32_t crc32(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void ByteWriter::append(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

void ByteReader::fail_short(std::size_t count) const {
  fail("expected " + std::to_string(count) + " more bytes, got " + std::to_string(remaining()));
}

void ByteReader::fail(const std::string& detail) const {
  throw Error(ErrorCode::kInput, what_ + " is damaged; " + detail + "; scan the document again into a new file");
}

}  // namespace sinkscope
