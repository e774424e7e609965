#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sinkscope {

inline constexpr std::size_t kMassiveChannels = 3;

// The channels of a vector with the largest magnitudes, the largest first; of equal ones the lower index.
struct TopChannels {
  std::array<std::int32_t, kMassiveChannels> channel{-1, -1, -1};  // -1: the vector has no more
  std::array<float, kMassiveChannels> value{};
};

// cost  reads the vector once
TopChannels top_channels(std::span<const float> vector);

// How many channels the two have in common, 0 .. 3.
int shared_channels(const TopChannels& a, const TopChannels& b);

// Median of magnitudes that come one after another, in memory that does not grow with them.
//
// Magnitudes are counted in 64 bins an octave, from 2^-24 to 2^24; the median is the middle of its bin, so it is off by
// at most 0.8 %. Order does not matter.
class MagnitudeMedian {
 public:
  void add(std::span<const float> values);
  // Of the n magnitudes so far, the one at index floor(n / 2).
  //
  // returns  nothing if there are none, or if it is below 2^-24
  std::optional<float> median() const;

 private:
  std::vector<std::uint32_t> counts_;  // empty until something is added
  std::uint64_t n_ = 0;
};

// The largest channels of one token in one layer.
struct TokenChannels {
  int position;
  TopChannels top;
};

}  // namespace sinkscope
