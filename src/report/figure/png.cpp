#include "report/figure/png.h"

#include <fmt/format.h>
#include <zlib.h>

#include "base/error.h"

namespace sinkscope {
namespace {

void add_word(std::string& bytes, std::uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift & 0xFFU);
}

void add_chunk(std::string& png, const std::string& type, const std::string& data) {
  add_word(png, static_cast<std::uint32_t>(data.size()));
  const std::string named = type + data;
  png += named;
  add_word(png, static_cast<std::uint32_t>(
                    crc32(0, reinterpret_cast<const Bytef*>(named.data()), static_cast<uInt>(named.size()))));
}

}  // namespace

std::string png_of(std::span<const std::uint8_t> codes, std::size_t width, const Ramp& ramp) {
  if (width == 0 || codes.empty() || codes.size() % width != 0) {
    throw Error(ErrorCode::kInternal,
                fmt::format("PNG: expected rows of {} pixels, got {} pixels", width, codes.size()));
  }
  std::string rows;
  for (std::size_t at = 0; at < codes.size(); at += width) {
    rows += '\0';  // the row's filter: none
    rows.append(reinterpret_cast<const char*>(codes.data() + at), width);
  }
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                               reinterpret_cast<const Bytef*>(rows.data()), rows.size(), Z_BEST_COMPRESSION);
  if (status != Z_OK) throw Error(ErrorCode::kInternal, fmt::format("zlib: expected Z_OK, got {}", status));
  packed.resize(size);

  std::string header;
  add_word(header, static_cast<std::uint32_t>(width));
  add_word(header, static_cast<std::uint32_t>(codes.size() / width));
  header += std::string("\x08\x03\x00\x00\x00", 5);  // 8 bits, palette, usual packing and filters, not interlaced
  std::string palette;
  for (const Rgb& colour : ramp) palette.append(reinterpret_cast<const char*>(colour.data()), colour.size());
  std::string png("\x89PNG\r\n\x1a\n", 8);
  add_chunk(png, "IHDR", header);
  add_chunk(png, "PLTE", palette);
  add_chunk(png, "tRNS", std::string(1, '\0'));
  add_chunk(png, "IDAT", packed);
  add_chunk(png, "IEND", "");
  return png;
}

}  // namespace sinkscope
