#include "store/figures_blob.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "sinks/fields.h"
#include "store/bytes.h"
#include "store/layer_figures.h"

namespace sinkscope {
namespace {

constexpr std::uint32_t kFiguresMagic = 0x47494653;  // "SFIG"
constexpr std::uint16_t kVersion = 6;

enum class Triangle : std::uint8_t { kFull = 0, kUpper = 1 };

void write_token(ByteWriter& writer, const TokenProfile& token, std::size_t n_layers) {
  writer.write(static_cast<std::int32_t>(token.position));
  write_layer_fields(writer, token, kTokenFields, n_layers);
  require_figures(token.first_alignment.size() <= kPrimaryCandidates, "alignments with more positions than there are");
  writer.write(static_cast<std::uint8_t>(token.first_alignment.size()));
  for (const LayerFigures& alignment : token.first_alignment) write_layers(writer, alignment, n_layers);
}

void write_square(ByteWriter& writer, const Matrix<float>& matrix, std::size_t n_layers) {
  require_figures(matrix.rows() == n_layers && matrix.cols() == n_layers, "a matrix is not [n_layers, n_layers]");
  bool symmetric = true;
  for (std::size_t r = 0; r < n_layers; ++r) {
    for (std::size_t c = 0; c < n_layers; ++c) {
      require_figures(std::isfinite(matrix(r, c)), "a cosine is not a finite number");
      symmetric = symmetric && matrix(r, c) == matrix(c, r);
    }
  }
  writer.write(static_cast<std::uint8_t>(symmetric ? Triangle::kUpper : Triangle::kFull));
  for (std::size_t r = 0; r < n_layers; ++r) {
    for (std::size_t c = symmetric ? r : 0; c < n_layers; ++c) writer.write(matrix(r, c));
  }
}

TokenProfile read_token(ByteReader& reader, std::size_t n_layers) {
  TokenProfile token;
  token.position = reader.read<std::int32_t>();
  read_layer_fields(reader, n_layers, kTokenFields, token);
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
  StoredFloats floats(reader, n_values);
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
  require_figures(figures.n_layers >= 1 && figures.n_layers <= kMostLayers, "n_layers is out of range");
  require_figures(figures.n_tokens >= 1, "it has no tokens");
  const auto n_first = static_cast<std::size_t>(std::min(kPrimaryCandidates, figures.n_tokens));
  require_figures(figures.first_positions.size() == n_first, "other first positions than the first 8");
  require_figures(figures.candidates.size() <= kPrimaryCandidates, "more candidates than there are");
  require_figures(figures.self_cosine.size() == figures.candidates.size(), "other self cosines than of the candidates");
  const auto n_layers = static_cast<std::size_t>(figures.n_layers);
  ByteWriter writer;
  writer.write(kFiguresMagic);
  writer.write(kVersion);
  writer.write(static_cast<std::uint16_t>(kTokenFields.size()));
  writer.write(static_cast<std::int32_t>(figures.n_layers));
  writer.write(static_cast<std::int32_t>(figures.n_tokens));
  writer.write(static_cast<std::int32_t>(figures.prompt_tokens));
  writer.write(static_cast<std::int32_t>(figures.min_distance));
  writer.write(static_cast<std::int32_t>(figures.n_watch_overflow));
  writer.write(static_cast<std::int32_t>(figures.n_padding));
  writer.write(static_cast<std::int32_t>(figures.candidate.value_or(-1)));
  writer.write(static_cast<std::int32_t>(figures.tokens.size()));
  write_layer_fields(writer, figures, kSequenceFields, n_layers);
  for (const auto& token : figures.first_positions) write_token(writer, token, n_layers);
  writer.write(static_cast<std::uint8_t>(figures.candidates.size()));
  for (const int position : figures.candidates) writer.write(static_cast<std::int32_t>(position));
  for (const auto& matrix : figures.self_cosine) write_square(writer, matrix, n_layers);
  for (const auto& token : figures.tokens) write_token(writer, token, n_layers);
  writer.write(crc32(writer.bytes()));
  return writer.take();
}

SequenceFigures decode_figures(std::span<const std::byte> bytes, const std::string& what) {
  ByteReader whole(bytes, what);
  if (bytes.size() < sizeof(std::uint32_t)) whole.fail("it is cut off");
  ByteReader reader(bytes.first(bytes.size() - sizeof(std::uint32_t)), what);
  if (reader.read<std::uint32_t>() != kFiguresMagic) reader.fail("it does not begin with SFIG");
  if (const auto version = reader.read<std::uint16_t>(); version != kVersion) {
    reader.fail("expected layout " + std::to_string(kVersion) + ", got " + std::to_string(version));
  }
  ByteReader end(bytes.last(sizeof(std::uint32_t)), what);
  if (end.read<std::uint32_t>() != crc32(bytes.first(bytes.size() - sizeof(std::uint32_t)))) {
    reader.fail("its checksum does not match");
  }
  if (reader.read<std::uint16_t>() != kTokenFields.size()) reader.fail("it holds other figures");

  constexpr int kAny = std::numeric_limits<int>::max();
  SequenceFigures figures;
  figures.n_layers = read_count(reader, "n_layers", 1, 0xFFFF);
  figures.n_tokens = read_count(reader, "n_tokens", 1, kAny);
  figures.prompt_tokens = read_count(reader, "prompt_tokens", 0, figures.n_tokens);
  figures.min_distance = read_count(reader, "min_distance", 0, kAny);
  figures.n_watch_overflow = read_count(reader, "n_watch_overflow", 0, kAny);
  const int n_first = std::min(kPrimaryCandidates, figures.n_tokens);
  figures.n_padding = read_count(reader, "n_padding", 0, figures.n_tokens);
  if (const int candidate = read_count(reader, "candidate", -1, figures.n_tokens - 1); candidate >= 0) {
    figures.candidate = candidate;
  }
  const int n_kept = read_count(reader, "tokens", 0, figures.n_tokens - n_first);

  const auto n_layers = static_cast<std::size_t>(figures.n_layers);
  read_layer_fields(reader, n_layers, kSequenceFields, figures);
  for (int i = 0; i < n_first; ++i) {
    figures.first_positions.push_back(read_token(reader, n_layers));
    if (figures.first_positions.back().position != i) reader.fail("first positions are not in order");
  }
  const auto n_candidates = reader.read<std::uint8_t>();
  if (n_candidates > kPrimaryCandidates) reader.fail("it has more candidates than there are");
  for (int i = 0, least = 0; i < n_candidates; ++i) {
    figures.candidates.push_back(read_count(reader, "candidates", least, figures.n_tokens - 1));
    least = figures.candidates.back() + 1;
  }
  for (int i = 0; i < n_candidates; ++i) figures.self_cosine.push_back(read_square(reader, n_layers));
  for (int i = 0, least = n_first; i < n_kept; ++i) {
    figures.tokens.push_back(read_token(reader, n_layers));
    const int position = figures.tokens.back().position;
    if (position < least || position >= figures.n_tokens) reader.fail("positions of tokens do not ascend");
    least = position + 1;
  }
  const bool is_known = !figures.candidate || (std::ranges::count(figures.candidates, *figures.candidate) > 0 &&
                                               profile_of(figures, *figures.candidate) != nullptr);
  if (!is_known) reader.fail("the primary candidate is none of the candidates");
  if (reader.remaining() != 0) reader.fail(std::to_string(reader.remaining()) + " bytes too many");
  return figures;
}

}  // namespace sinkscope
