#include "store/profiles_blob.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

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

bool of_halves(ProfileEncoding encoding) {
  return encoding == ProfileEncoding::kScaledHalf || encoding == ProfileEncoding::kScaledHalfOfSome;
}
bool of_some(ProfileEncoding encoding) {
  return encoding == ProfileEncoding::kScaledHalfOfSome || encoding == ProfileEncoding::kFloatOfSome;
}

// Columns in which any row has a number.
std::vector<std::uint32_t> measured_columns(const ProfileArray& profile) {
  const std::size_t columns = profile.shape.back();
  std::vector<std::uint8_t> measured(columns);
  for (std::size_t v = 0; v < profile.values.size(); ++v) measured[v % columns] |= !std::isnan(profile.values[v]);
  std::vector<std::uint32_t> found;
  for (std::size_t c = 0; c < columns; ++c) {
    if (measured[c] != 0) found.push_back(static_cast<std::uint32_t>(c));
  }
  return found;
}

void write_row(ByteWriter& writer, std::span<const float> row, bool halves) {
  if (!halves) {
    for (const float value : row) writer.write(value);
    return;
  }
  const int exponent = row_exponent(row);
  writer.write(std::ldexp(1.0F, exponent));
  // In double, since a tiny row would be multiplied by more than a float holds.
  const double factor = std::ldexp(1.0, -exponent);
  for (const float value : row) writer.write(half_from_float(static_cast<float>(value * factor)));
}

// Columns that have numbers: all of them, or those that the bytes name.
std::vector<std::uint32_t> read_columns(ByteReader& reader, const ProfileShape& shape) {
  std::vector<std::uint32_t> columns;
  if (!of_some(shape.encoding)) {
    // Of no more columns than there are bytes, or they do not fit.
    if (shape.columns() > reader.remaining()) reader.fail("its length does not match its shape");
    columns.resize(shape.columns());
    std::iota(columns.begin(), columns.end(), 0U);
    return columns;
  }
  // Numbers that are not stored take memory all the same.
  constexpr std::size_t kMostValues = std::size_t{1} << 30;
  if (shape.columns() > kMostValues || shape.rows() > kMostValues / std::max<std::size_t>(shape.columns(), 1)) {
    reader.fail("its shape is too large");
  }
  const auto n = reader.read<std::uint32_t>();
  if (n > shape.columns() || n > reader.remaining() / sizeof(std::uint32_t)) {
    reader.fail("it has more columns than its shape");
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    columns.push_back(reader.read<std::uint32_t>());
    if (columns.back() >= shape.columns() || (i > 0 && columns.back() <= columns[i - 1])) {
      reader.fail("its columns do not ascend");
    }
  }
  return columns;
}

// An array's bytes, found to be as many as its shape wants, at the first row.
struct OpenProfile {
  ByteReader rows;
  std::vector<std::uint32_t> columns;
};

OpenProfile open_profile(const ProfileShape& shape, std::span<const std::byte> bytes, const std::string& what) {
  const bool halves = of_halves(shape.encoding);
  const std::size_t per_row = halves ? 4 : 0, per_value = halves ? 2 : 4;
  if (bytes.size() < 4) ByteReader(bytes, what).fail("its length does not match its shape");
  if (ByteReader end(bytes.last(4), what); end.read<std::uint32_t>() != crc32(bytes.first(bytes.size() - 4))) {
    end.fail("its checksum does not match");
  }
  ByteReader reader(bytes.first(bytes.size() - 4), what);
  std::vector<std::uint32_t> columns = read_columns(reader, shape);
  // Divided, not multiplied: rows are untrusted and the product may overflow.
  const std::size_t row_bytes = per_row + columns.size() * per_value;
  const bool fits = row_bytes == 0
                        ? reader.remaining() == 0
                        : reader.remaining() % row_bytes == 0 && reader.remaining() / row_bytes == shape.rows();
  if (!fits) reader.fail("its length does not match its shape");
  return {std::move(reader), std::move(columns)};
}

}  // namespace

ProfileEncoding encoding_for(const ProfileArray& profile) {
  const bool whole = std::ranges::all_of(profile.values, [](float v) { return std::isnan(v) || v == std::trunc(v); });
  if (profile.by_token && measured_columns(profile).size() <= profile.shape.back() / 2) {
    return whole ? ProfileEncoding::kFloatOfSome : ProfileEncoding::kScaledHalfOfSome;
  }
  return whole ? ProfileEncoding::kFloat : ProfileEncoding::kScaledHalf;
}

std::vector<std::byte> encode_profile(const ProfileArray& profile, ProfileEncoding encoding) {
  const ProfileShape shape{profile.name, profile.shape, encoding, profile.by_token};
  const std::size_t rows = shape.rows(), columns = shape.columns();
  if (profile.values.size() != rows * columns) {
    throw Error(ErrorCode::kInternal, "profile " + profile.name + ": expected " + std::to_string(rows * columns) +
                                          " values, got " + std::to_string(profile.values.size()));
  }
  ByteWriter writer;
  std::vector<std::uint32_t> some;
  if (of_some(encoding)) {
    some = measured_columns(profile);
    writer.write(static_cast<std::uint32_t>(some.size()));
    for (const std::uint32_t column : some) writer.write(column);
  }
  std::vector<float> kept(some.size());
  for (std::size_t r = 0; r < rows; ++r) {
    auto row = std::span(profile.values).subspan(r * columns, columns);
    if (of_some(encoding)) {
      std::ranges::transform(some, kept.begin(), [&](std::uint32_t column) { return row[column]; });
      row = kept;
    }
    write_row(writer, row, of_halves(encoding));
  }
  writer.write(crc32(writer.bytes()));
  return writer.take();
}

void check_profile(const ProfileShape& shape, std::span<const std::byte> bytes, const std::string& what) {
  open_profile(shape, bytes, what);
}

ProfileArray decode_profile(const ProfileShape& shape, std::span<const std::byte> bytes, const std::string& what) {
  auto [reader, columns] = open_profile(shape, bytes, what);
  const std::size_t rows = shape.rows();
  const bool halves = of_halves(shape.encoding);
  ProfileArray profile{shape.name, shape.shape, {}, shape.by_token};
  profile.values.assign(rows * shape.columns(), std::numeric_limits<float>::quiet_NaN());
  for (std::size_t r = 0; r < rows; ++r) {
    const double scale = halves ? static_cast<double>(reader.read<float>()) : 1.0;
    for (const std::uint32_t column : columns) {
      profile.values[r * shape.columns() + column] =
          halves ? static_cast<float>(float_from_half(reader.read<std::uint16_t>()) * scale) : reader.read<float>();
    }
  }
  return profile;
}

}  // namespace sinkscope
