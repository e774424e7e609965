#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace sinkscope {

// Along which vector something is written to make a sink, or as a control.
enum class DirectionKind {
  kAxis,        // the primary's direction at the layer
  kOpposite,    // its negative
  kOrthogonal,  // random, orthogonal to it
  kPermuted,    // its coordinates in random order
  kChannel,     // its largest coordinate alone
  kNoChannels,  // all but its four largest coordinates
  kToken,       // the mean state of another token at the layer
  kMean,        // the mean state of ordinary tokens at the layer
  kFile,        // a vector of the user's own
};

struct Direction {
  DirectionKind kind = DirectionKind::kAxis;
  TokenId token = -1;         // of kToken
  std::vector<float> vector;  // of kFile
  std::string name = "axis";  // as it was asked for
};

// text    axis, opposite, orthogonal, permuted, channel, no-channels, token:ID, mean, or the path of a JSON file that
//         holds an array of d_model numbers
// throws  Error{kUsage} if it is none of these, Error{kInput} if the file does not hold such an array
Direction parse_direction(std::string_view text);

// States of one layer that directions are made of; [d_model] each, of any length.
struct DirectionSources {
  std::span<const float> axis;   // h_l[primary]
  std::span<const float> mean;   // mean ordinary token
  std::span<const float> token;  // mean of the token of kToken
};

// returns  [d_model] of length 1
// throws   Error{kInput} if the vector it comes from has no length, or another width
std::vector<float> unit_direction(const Direction& direction, const DirectionSources& sources, std::uint64_t seed);

}  // namespace sinkscope
