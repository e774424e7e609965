#include "measure/massive_channels.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sinkscope {
namespace {

// A float's bits, less those of 2^-24, in steps of 1/64 of an octave: the sign is 0 and exponents are one above
// another.
constexpr int kMantissaBits = 23, kBinBits = 6, kOctaves = 48;
constexpr std::uint32_t kFirst = (127U - 24U) << kBinBits;
constexpr std::uint32_t kBins = kOctaves << kBinBits;

std::uint32_t bin_of(float value) {
  const std::uint32_t step = (std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU) >> (kMantissaBits - kBinBits);
  return std::min(step < kFirst ? 0U : step - kFirst, kBins - 1);
}

float middle_of(std::uint32_t bin) {
  const auto edge = [](std::uint32_t b) { return std::bit_cast<float>((b + kFirst) << (kMantissaBits - kBinBits)); };
  return (edge(bin) + edge(bin + 1)) / 2;
}

}  // namespace

TopChannels top_channels(std::span<const float> vector) {
  TopChannels top;
  std::array<float, kMassiveChannels> magnitude{-1, -1, -1};
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const float of_channel = std::fabs(vector[i]);
    if (!(of_channel > magnitude.back())) continue;
    std::size_t place = kMassiveChannels - 1;
    for (; place > 0 && of_channel > magnitude[place - 1]; --place) {
      magnitude[place] = magnitude[place - 1];
      top.channel[place] = top.channel[place - 1];
      top.value[place] = top.value[place - 1];
    }
    magnitude[place] = of_channel;
    top.channel[place] = static_cast<std::int32_t>(i);
    top.value[place] = vector[i];
  }
  return top;
}

int shared_channels(const TopChannels& a, const TopChannels& b) {
  return static_cast<int>(std::ranges::count_if(
      a.channel, [&](std::int32_t channel) { return channel >= 0 && std::ranges::count(b.channel, channel) > 0; }));
}

void MagnitudeMedian::add(std::span<const float> values) {
  if (counts_.empty()) counts_.resize(kBins);
  for (const float value : values) ++counts_[bin_of(value)];
  n_ += values.size();
}

std::optional<float> MagnitudeMedian::median() const {
  if (n_ == 0) return std::nullopt;
  std::uint64_t seen = 0;
  for (std::uint32_t bin = 0; bin < kBins; ++bin) {
    seen += counts_[bin];
    if (seen > n_ / 2) return bin == 0 ? std::nullopt : std::optional(middle_of(bin));
  }
  return std::nullopt;
}

}  // namespace sinkscope
