#include "store/figures_blob.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "store/bytes.h"

namespace sinkscope {
namespace {

constexpr std::uint32_t kMagic = 0x47494653;  // "SFIG"
constexpr std::uint16_t kVersion = 1;

// The figures of a token, in the order in which they are stored.
constexpr std::array kFigures = {
    &TokenProfile::hidden_norm,         &TokenProfile::norm_ratio,       &TokenProfile::alignment,
    &TokenProfile::centred_alignment,   &TokenProfile::read_alignment,   &TokenProfile::mlp_write_norm,
    &TokenProfile::mlp_write_alignment, &TokenProfile::value_norm_ratio, &TokenProfile::score,
    &TokenProfile::score_head_max,      &TokenProfile::score_group_max,  &TokenProfile::heads_over_03_frac,
    &TokenProfile::far_score,           &TokenProfile::far_boost,        &TokenProfile::heads_over_10,
    &TokenProfile::logit_gap,
};

enum class Triangle : std::uint8_t { kFull = 0, kUpper = 1 };

void require(bool holds, const char* what) {
  if (!holds) throw Error(ErrorCode::kInternal, std::string("figures of a sequence contradict themselves: ") + what);
}

void write_layers(ByteWriter& writer, const LayerFigures& figures, std::size_t n_layers) {
  require(figures.size() == n_layers, "an array does not have n_layers entries");
  for (std::size_t first = 0; first < n_layers; first += 8) {
    unsigned bits = 0;
    for (std::size_t l = first; l < std::min(first + 8, n_layers); ++l) {
      if (figures[l].has_value()) bits |= 1U << (l - first);
    }
    writer.write(static_cast<std::uint8_t>(bits));
  }
  for (const auto& figure : figures) {
    if (!figure.has_value()) continue;
    require(std::isfinite(*figure), "a figure is not a finite number");
    writer.write(*figure);
  }
}

void write_token(ByteWriter& writer, const TokenProfile& token, std::size_t n_layers) {
  writer.write(static_cast<std::int32_t>(token.position));
  for (const auto member : kFigures) write_layers(writer, token.*member, n_layers);
  require(token.first_alignment.size() <= kPrimaryCandidates, "alignments with more positions than there are");
  writer.write(static_cast<std::uint8_t>(token.first_alignment.size()));
  for (const LayerFigures& alignment : token.first_alignment) write_layers(writer, alignment, n_layers);
}

void write_square(ByteWriter& writer, const Matrix<float>& matrix, std::size_t n_layers) {
  require(matrix.rows() == n_layers && matrix.cols() == n_layers, "a matrix is not [n_layers, n_layers]");
  bool symmetric = true;
  for (std::size_t r = 0; r < n_layers; ++r) {
    for (std::size_t c = 0; c < n_layers; ++c) {
      require(std::isfinite(matrix(r, c)), "a cosine is not a finite number");
      symmetric = symmetric && matrix(r, c) == matrix(c, r);
    }
  }
  writer.write(static_cast<std::uint8_t>(symmetric ? Triangle::kUpper : Triangle::kFull));
  for (std::size_t r = 0; r < n_layers; ++r) {
    for (std::size_t c = symmetric ? r : 0; c < n_layers; ++c) writer.write(matrix(r, c));
  }
}

// Numbers that lie one behind the other, bounds checked once.
class Floats {
 public:
  Floats(ByteReader& reader, std::size_t count) : reader_(reader), at_(reader.take(count * sizeof(float)).data()) {}

  float next() {
    float value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    value = little_endian(value);
    if (!std::isfinite(value)) reader_.fail("a figure is not a finite number");
    return value;
  }

 private:
  ByteReader& reader_;
  const std::byte* at_;
};

void read_layers(ByteReader& reader, std::size_t n_layers, LayerFigures& figures) {
  const auto bits = reader.take((n_layers + 7) / 8);
  if (n_layers % 8 != 0 && (std::to_integer<unsigned>(bits.back()) >> (n_layers % 8)) != 0) {
    reader.fail("a layer that does not exist has a figure");
  }
  std::size_t n_measured = 0;
  for (const std::byte byte : bits)
    n_measured += static_cast<std::size_t>(std::popcount(std::to_integer<unsigned>(byte)));
  Floats floats(reader, n_measured);
  figures.resize(n_layers);
  for (std::size_t l = 0; l < n_layers; ++l) {
    if ((std::to_integer<unsigned>(bits[l / 8]) >> (l % 8) & 1U) != 0) figures[l] = floats.next();
  }
}

TokenProfile read_token(ByteReader& reader, std::size_t n_layers) {
  TokenProfile token;
  token.position = reader.read<std::int32_t>();
  for (const auto member : kFigures) read_layers(reader, n_layers, token.*member);
  const auto n_first = reader.read<std::uint8_t>();
  if (n_first > kPrimaryCandidates) reader.fail("alignments with more positions than there are");
  token.first_alignment.resize(n_first);
  for (LayerFigures& alignment : token.first_alignment) read_layers(reader, n_layers, alignment);
  return token;
}

Matrix<float> read_square(ByteReader& reader, std::size_t n_layers) {
  const auto form = reader.read<std::uint8_t>();
  if (form > static_cast<std::uint8_t>(Triangle::kUpper)) reader.fail("a matrix has an unknown form");
  const bool symmetric = form == static_cast<std::uint8_t>(Triangle::kUpper);
  // n_layers is at most 65535, so nothing overflows.
  const std::size_t n_values = symmetric ? n_layers * (n_layers + 1) / 2 : n_layers * n_layers;
  Floats floats(reader, n_values);
  Matrix<float> matrix(n_layers, n_layers);
  for (std::size_t r = 0; r < n_layers; ++r) {
    for (std::size_t c = symmetric ? r : 0; c < n_layers; ++c) {
      matrix(r, c) = floats.next();
      if (symmetric) matrix(c, r) = matrix(r, c);
    }
  }
  return matrix;
}

int read_count(ByteReader& reader, const char* name, int smallest, int largest) {
  const auto value = reader.read<std::int32_t>();
  if (value < smallest || value > largest) {
    reader.fail(std::string(name) + " lies between " + std::to_string(smallest) + " and " + std::to_string(largest) +
                ", got " + std::to_string(value));
  }
  return value;
}

}  // namespace

std::vector<std::byte> encode_figures(const SequenceFigures& figures) {
  constexpr int kMostLayers = 0xFFFF;
  require(figures.n_layers >= 1 && figures.n_layers <= kMostLayers, "n_layers is out of range");
  require(figures.n_tokens >= 1, "it has no tokens");
  const auto n_first = static_cast<std::size_t>(std::min(kPrimaryCandidates, figures.n_tokens));
  require(figures.first_positions.size() == n_first, "other first positions than the first 8");
  require(figures.self_cosine.size() == n_first, "other self cosines than of the first positions");
  const auto n_layers = static_cast<std::size_t>(figures.n_layers);
  ByteWriter writer;
  writer.write(kMagic);
  writer.write(kVersion);
  writer.write(static_cast<std::uint16_t>(kFigures.size()));
  writer.write(static_cast<std::int32_t>(figures.n_layers));
  writer.write(static_cast<std::int32_t>(figures.n_tokens));
  writer.write(static_cast<std::int32_t>(figures.prompt_tokens));
  writer.write(static_cast<std::int32_t>(figures.min_distance));
  writer.write(static_cast<std::int32_t>(figures.n_watch_overflow));
  writer.write(static_cast<std::int32_t>(figures.candidate.value_or(-1)));
  writer.write(static_cast<std::int32_t>(figures.tokens.size()));
  write_layers(writer, figures.ordinary_norm, n_layers);
  for (const auto& token : figures.first_positions) write_token(writer, token, n_layers);
  for (const auto& matrix : figures.self_cosine) write_square(writer, matrix, n_layers);
  for (const auto& token : figures.tokens) write_token(writer, token, n_layers);
  writer.write(crc32(writer.bytes()));
  return writer.take();
}

SequenceFigures decode_figures(std::span<const std::byte> bytes, const std::string& what) {
  ByteReader whole(bytes, what);
  if (bytes.size() < sizeof(std::uint32_t)) whole.fail("it is cut off");
  ByteReader reader(bytes.first(bytes.size() - sizeof(std::uint32_t)), what);
  if (reader.read<std::uint32_t>() != kMagic) reader.fail("it does not begin with SFIG");
  if (const auto version = reader.read<std::uint16_t>(); version != kVersion) {
    reader.fail("expected layout 1, got " + std::to_string(version));
  }
  ByteReader end(bytes.last(sizeof(std::uint32_t)), what);
  if (end.read<std::uint32_t>() != crc32(bytes.first(bytes.size() - sizeof(std::uint32_t)))) {
    reader.fail("its checksum does not match");
  }
  if (reader.read<std::uint16_t>() != kFigures.size()) reader.fail("it holds other figures");

  constexpr int kAny = std::numeric_limits<int>::max();
  SequenceFigures figures;
  figures.n_layers = read_count(reader, "n_layers", 1, 0xFFFF);
  figures.n_tokens = read_count(reader, "n_tokens", 1, kAny);
  figures.prompt_tokens = read_count(reader, "prompt_tokens", 0, figures.n_tokens);
  figures.min_distance = read_count(reader, "min_distance", 0, kAny);
  figures.n_watch_overflow = read_count(reader, "n_watch_overflow", 0, kAny);
  const int n_first = std::min(kPrimaryCandidates, figures.n_tokens);
  if (const int candidate = read_count(reader, "candidate", -1, n_first - 1); candidate >= 0) {
    figures.candidate = candidate;
  }
  const int n_kept = read_count(reader, "tokens", 0, figures.n_tokens - n_first);

  const auto n_layers = static_cast<std::size_t>(figures.n_layers);
  read_layers(reader, n_layers, figures.ordinary_norm);
  for (int i = 0; i < n_first; ++i) {
    figures.first_positions.push_back(read_token(reader, n_layers));
    if (figures.first_positions.back().position != i) reader.fail("first positions are not in order");
  }
  for (int i = 0; i < n_first; ++i) figures.self_cosine.push_back(read_square(reader, n_layers));
  for (int i = 0, least = n_first; i < n_kept; ++i) {
    figures.tokens.push_back(read_token(reader, n_layers));
    const int position = figures.tokens.back().position;
    if (position < least || position >= figures.n_tokens) reader.fail("positions of tokens do not ascend");
    least = position + 1;
  }
  if (reader.remaining() != 0) reader.fail(std::to_string(reader.remaining()) + " bytes too many");
  return figures;
}

}  // namespace sinkscope
