#include "scan/scanned_document.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "base/sha256.h"

namespace sinkscope {
namespace {

void add_little_endian(Sha256& sha, std::int32_t value) {
  const auto bits = static_cast<std::uint32_t>(value);
  std::array<std::byte, 4> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(bits >> (8 * i));
  sha.update(bytes);
}

}  // namespace

Origin origin_of(const Sequence& sequence) {
  const InputPlace& place = sequence.place;
  Origin origin;
  origin.file = place.file;
  origin.id = place.id.empty() ? std::filesystem::path(place.file).filename().string() : place.id;
  if (place.line > 0) {
    origin.line = static_cast<int>(place.line);
    if (place.id.empty()) origin.id += fmt::format(":{}", place.line);
  }
  if (sequence.n_chunks > 1) origin.chunk = sequence.chunk_index;
  origin.document_offset = sequence.document_offset;
  return origin;
}

std::string document_key(std::span<const TokenId> tokens, int prompt_tokens) {
  Sha256 sha;
  for (const TokenId token : tokens) add_little_endian(sha, token);
  add_little_endian(sha, prompt_tokens);
  return sha.hex();
}

}  // namespace sinkscope
