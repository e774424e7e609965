#include "store/profiles_blob.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "base/half.h"
#include "store/bytes.h"

namespace sinkscope {
namespace {

constexpr int kTopExponent = 14;         // the largest number of a row lies in [2^14, 2^15)
constexpr int kSmallestExponent = -149;  // of a float that is not zero

// The power of two that a row is divided by; 0 for a row of zeros and of nothing measured.
int row_exponent(std::span<const float> row) {
  float largest = 0;
  for (const float value : row) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  return largest == 0 ? 0 : std::max(std::ilogb(largest) - kTopExponent, kSmallestExponent);
}

}  // namespace

ProfileEncoding encoding_for(const ProfileArray& profile) {
  const bool whole = std::ranges::all_of(profile.values, [](float v) { return std::isnan(v) || v == std::trunc(v); });
  return whole ? ProfileEncoding::kFloat : ProfileEncoding::kScaledHalf;
}

std::vector<std::byte> encode_profile(const ProfileArray& profile, ProfileEncoding encoding) {
  const ProfileShape shape{profile.name, profile.shape, encoding};
  const std::size_t rows = shape.rows(), columns = shape.columns();
  if (profile.values.size() != rows * columns) {
    throw Error(ErrorCode::kInternal, "profile " + profile.name + ": expected " + std::to_string(rows * columns) +
                                          " values, got " + std::to_string(profile.values.size()));
  }
  ByteWriter writer;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = std::span(profile.values).subspan(r * columns, columns);
    if (encoding == ProfileEncoding::kFloat) {
      for (const float value : row) writer.write(value);
      continue;
    }
    const int exponent = row_exponent(row);
    writer.write(std::ldexp(1.0F, exponent));
    // In double, since a tiny row would be multiplied by more than a float holds.
    const double factor = std::ldexp(1.0, -exponent);
    for (const float value : row) writer.write(half_from_float(static_cast<float>(value * factor)));
  }
  writer.write(crc32(writer.bytes()));
  return writer.take();
}

ProfileArray decode_profile(const ProfileShape& shape, std::span<const std::byte> bytes, const std::string& what) {
  const std::size_t rows = shape.rows(), columns = shape.columns();
  const bool halves = shape.encoding == ProfileEncoding::kScaledHalf;
  const std::size_t per_row = halves ? 4 : 0, per_value = halves ? 2 : 4;
  ByteReader reader(bytes, what);
  // Divided, not multiplied: rows and columns are untrusted and their product may overflow.
  const bool fits = bytes.size() >= 4 && columns <= bytes.size() / per_value &&
                    (rows == 0 || (bytes.size() - 4) / rows == per_row + columns * per_value) &&
                    (bytes.size() - 4) == rows * (per_row + columns * per_value);
  if (!fits) reader.fail("its length does not match its shape");
  if (ByteReader end(bytes.last(4), what); end.read<std::uint32_t>() != crc32(bytes.first(bytes.size() - 4))) {
    reader.fail("its checksum does not match");
  }
  ProfileArray profile{shape.name, shape.shape, {}};
  profile.values.reserve(rows * columns);
  for (std::size_t r = 0; r < rows; ++r) {
    const double scale = halves ? static_cast<double>(reader.read<float>()) : 1.0;
    for (std::size_t c = 0; c < columns; ++c) {
      if (halves) {
        profile.values.push_back(static_cast<float>(float_from_half(reader.read<std::uint16_t>()) * scale));
      } else {
        profile.values.push_back(reader.read<float>());
      }
    }
  }
  return profile;
}

}  // namespace sinkscope
