#include "report/page/block.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "base/encodings.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "report/page/packer.h"

namespace sinkscope {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");
constexpr std::size_t kAlignment = 4;

void pad(std::string& bytes) { bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment, '\0'); }

std::string length_bytes(std::uint32_t length) {
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

std::string deflated(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                               reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), Z_BEST_COMPRESSION);
  if (status != Z_OK) throw Error(ErrorCode::kInternal, fmt::format("zlib: expected Z_OK, got {}", status));
  out.resize(size);
  return out;
}

}  // namespace

void Block::add(const std::string& name, std::string_view type, std::span<const std::size_t> shape,
                std::span<const std::byte> bytes, std::string_view scale) {
  directory_ += fmt::format("{}{}:{{\"type\":\"{}\",\"offset\":{},\"shape\":[{}]{}}}", directory_.empty() ? "" : ",",
                            json_string(name), type, data_.size(), fmt::join(shape, ","), scale);
  data_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  pad(data_);
}

void Block::add(const std::string& name, std::span<const std::size_t> shape, std::span<const float> values) {
  add(name, "f32", shape, std::as_bytes(values), "");
}

void Block::add(const std::string& name, std::span<const std::size_t> shape, std::span<const std::uint32_t> values) {
  add(name, "u32", shape, std::as_bytes(values), "");
}

void Block::add(const std::string& name, std::span<const std::size_t> shape, const Quantised& quantised) {
  const Scale& scale = quantised.scale;
  add(name, "u8", shape, std::as_bytes(std::span(quantised.codes)),
      fmt::format(",\"scale\":{{\"logarithmic\":{},\"low\":{},\"high\":{}}}", scale.logarithmic, scale.low,
                  scale.high));
}

void Block::pack_head(const Spool& head, std::ostream& out) {
  constexpr std::string_view kBefore = "{\"head\":", kAfter = ",\"arrays\":{}}";
  const std::uint64_t size = kBefore.size() + head.size() + kAfter.size();
  if (size > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::kOutput, "the page would hold more than 4 GiB of results; report on fewer documents");
  }
  Packer packer(out);
  packer.add(length_bytes(static_cast<std::uint32_t>(size)));
  packer.add(kBefore);
  head.read(0, head.size(), [&](std::string_view piece) { packer.add(piece); });
  packer.add(kAfter);
  packer.add(std::string((kAlignment - size % kAlignment) % kAlignment, '\0'));
  packer.finish();
}

std::string Block::packed(std::string_view head) const {
  const std::string json = fmt::format("{{\"head\":{},\"arrays\":{{{}}}}}", head, directory_);
  std::string bytes = length_bytes(static_cast<std::uint32_t>(json.size())) + json;
  pad(bytes);
  bytes += data_;
  const std::string small = deflated(bytes);
  return base64(std::as_bytes(std::span(small)));
}

}  // namespace sinkscope
