#include "sinks/direction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/vectors.h"
#include "base/whole_file.h"

namespace sinkscope {
namespace {

constexpr std::array<std::pair<std::string_view, DirectionKind>, 7> kNames = {{
    {"axis", DirectionKind::kAxis},
    {"opposite", DirectionKind::kOpposite},
    {"orthogonal", DirectionKind::kOrthogonal},
    {"permuted", DirectionKind::kPermuted},
    {"channel", DirectionKind::kChannel},
    {"no-channels", DirectionKind::kNoChannels},
    {"mean", DirectionKind::kMean},
}};
constexpr std::size_t kZeroedChannels = 4;
constexpr std::size_t kMostVectorBytes = 16 << 20;

std::vector<float> read_vector(const std::string& path) {
  const FileBytes file = read_whole_file(path, kMostVectorBytes);
  const auto refuse = [&](std::string_view got) {
    throw Error(ErrorCode::kInput,
                fmt::format("direction '{}': expected axis, opposite, orthogonal, permuted, channel, no-channels, "
                            "token:ID, mean, or a file with a JSON array of numbers; got {}",
                            path, got));
  };
  if (!file.problem.empty()) refuse("no such file");
  const auto json = nlohmann::json::parse(file.bytes, nullptr, false);
  if (!json.is_array() || json.empty()) refuse("a file without a JSON array");
  std::vector<float> vector;
  for (const auto& value : json) {
    if (!value.is_number() || !std::isfinite(value.get<double>())) refuse("something that is no number in the array");
    vector.push_back(value.get<float>());
  }
  return vector;
}

// Indices of the coordinates, largest magnitude first.
std::vector<std::size_t> by_magnitude(std::span<const float> vector) {
  std::vector<std::size_t> order(vector.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return std::abs(vector[a]) > std::abs(vector[b]); });
  return order;
}

std::vector<float> orthogonal_to(std::span<const float> axis, std::mt19937_64& bits) {
  std::vector<float> vector(axis.size());
  // A sum of uniform numbers is near enough to normal, and equal on every platform.
  for (float& value : vector) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(bits() >> 11) * 0x1p-53;
    value = static_cast<float>(sum);
  }
  const double along = dot(vector, axis) / dot(axis, axis);
  for (std::size_t i = 0; i < vector.size(); ++i) vector[i] -= static_cast<float>(along * static_cast<double>(axis[i]));
  return vector;
}

std::vector<float> permuted(std::span<const float> axis, std::mt19937_64& bits) {
  std::vector<float> vector(axis.begin(), axis.end());
  for (std::size_t i = vector.size(); i > 1; --i) std::swap(vector[i - 1], vector[bits() % i]);
  return vector;
}

}  // namespace

Direction parse_direction(std::string_view text) {
  Direction direction;
  direction.name = text;
  for (const auto& [name, kind] : kNames) {
    if (text == name) {
      direction.kind = kind;
      return direction;
    }
  }
  constexpr std::string_view kTokenPrefix = "token:";
  if (text.starts_with(kTokenPrefix)) {
    const std::string_view digits = text.substr(kTokenPrefix.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), direction.token);
    if (error != std::errc{} || end != digits.data() + digits.size() || direction.token < 0) {
      throw Error(ErrorCode::kUsage, fmt::format("direction '{}': expected token:ID with the number of a token", text));
    }
    direction.kind = DirectionKind::kToken;
    return direction;
  }
  direction.kind = DirectionKind::kFile;
  direction.vector = read_vector(std::string(text));
  return direction;
}

std::vector<float> unit_direction(const Direction& direction, const DirectionSources& sources, std::uint64_t seed) {
  std::mt19937_64 bits(seed);
  std::vector<float> vector(sources.axis.begin(), sources.axis.end());
  switch (direction.kind) {
    case DirectionKind::kAxis:
      break;
    case DirectionKind::kOpposite:
      for (float& value : vector) value = -value;
      break;
    case DirectionKind::kOrthogonal:
      vector = orthogonal_to(sources.axis, bits);
      break;
    case DirectionKind::kPermuted:
      vector = permuted(sources.axis, bits);
      break;
    case DirectionKind::kChannel: {
      const std::size_t largest = by_magnitude(vector).front();
      for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = i == largest ? vector[i] : 0.0F;
      break;
    }
    case DirectionKind::kNoChannels: {
      const auto order = by_magnitude(vector);
      for (std::size_t i = 0; i < std::min(kZeroedChannels, order.size()); ++i) vector[order[i]] = 0;
      break;
    }
    case DirectionKind::kToken:
      vector.assign(sources.token.begin(), sources.token.end());
      break;
    case DirectionKind::kMean:
      vector.assign(sources.mean.begin(), sources.mean.end());
      break;
    case DirectionKind::kFile:
      vector = direction.vector;
      break;
  }
  const double length = length_of(vector);
  if (vector.size() != sources.axis.size() || !(length > 0)) {
    throw Error(ErrorCode::kInput,
                fmt::format("direction '{}': expected a vector of {} numbers that are not all 0; got {} of length {}; "
                            "for token:ID the calibration text must hold the token",
                            direction.name, sources.axis.size(), vector.size(), length));
  }
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) / length);
  return vector;
}

}  // namespace sinkscope
