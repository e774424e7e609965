#include "store/bytes.h"

#include <array>

#include "base/error.h"

namespace sinkscope {
namespace {

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

// Table k holds the CRC of a byte that is followed by k zero bytes, so eight bytes can be taken at once.
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr CrcTables kCrc = make_crc_tables();

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint32_t low = 0, high = 0;
    std::memcpy(&low, bytes.data() + i, 4);
    std::memcpy(&high, bytes.data() + i + 4, 4);
    low = little_endian(low) ^ crc;
    high = little_endian(high);
    crc = kCrc[7][low & 0xFFU] ^ kCrc[6][(low >> 8) & 0xFFU] ^ kCrc[5][(low >> 16) & 0xFFU] ^ kCrc[4][low >> 24] ^
          kCrc[3][high & 0xFFU] ^ kCrc[2][(high >> 8) & 0xFFU] ^ kCrc[1][(high >> 16) & 0xFFU] ^ kCrc[0][high >> 24];
  }
  for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ kCrc[0][(crc ^ std::to_integer<std::uint32_t>(bytes[i])) & 0xFFU];
  return ~crc;
}

void ByteWriter::append(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

void ByteReader::fail_short(std::size_t count) const {
  fail("expected " + std::to_string(count) + " more bytes, got " + std::to_string(remaining()));
}

void ByteReader::fail(const std::string& detail) const {
  throw Error(ErrorCode::kInput, what_ + " is damaged; " + detail + "; scan the document again into a new file");
}

}  // namespace sinkscope
