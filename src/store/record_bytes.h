#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sinks/detection.h"
#include "store/archive.h"

namespace sinkscope {

template <>
inline constexpr SinkKind kLastOf<SinkKind> = SinkKind::kUnaligned;

// A record as bytes: what it is, the version of its list of members, the members, a checksum.
template <typename Record>
std::vector<std::byte> encode_record(std::uint32_t magic, std::uint16_t version, const Record& record) {
  ArchiveWriter archive;
  archive(magic, version, record);
  const std::uint32_t checksum = crc32(archive.bytes());
  archive(checksum);
  return archive.take();
}

// The inverse.
//
// what    names the bytes in messages
// throws  Error{kInput} for bytes that cannot have been written
template <typename Record>
Record decode_record(std::span<const std::byte> bytes, std::uint32_t magic, std::uint16_t version,
                     const std::string& what) {
  ByteReader whole(bytes, what);
  if (bytes.size() < sizeof(std::uint32_t)) whole.fail("it is cut off");
  const auto content = bytes.first(bytes.size() - sizeof(std::uint32_t));
  if (ByteReader(bytes.last(sizeof(std::uint32_t)), what).read<std::uint32_t>() != crc32(content)) {
    whole.fail("its checksum does not match");
  }
  ArchiveReader archive(ByteReader(content, what));
  std::uint32_t found = 0;
  std::uint16_t found_version = 0;
  archive(found, found_version);
  if (found != magic || found_version != version) whole.fail("it is of another layout");
  Record record;
  archive(record);
  if (archive.bytes().remaining() != 0) whole.fail("it has bytes too many");
  return record;
}

}  // namespace sinkscope
