#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "measure/measurement.h"

namespace sinkscope {

inline constexpr std::size_t kFarNeighbours = 64;     // ordinary keys that a key is compared with, at most
inline constexpr std::size_t kMinFarNeighbours = 32;  // with fewer there is no comparison
inline constexpr float kMinFarSpread = 0.1F;          // of their log far boosts: about a tenth of the boost

// A key's far boost among those of the ordinary keys beside it.
struct FarStanding {
  float z = 0;       // (log far boost - median of theirs) / spread
  float spread = 0;  // 1.4826 x median distance of their log far boosts from their median; kMinFarSpread at least
};

// Far boosts of the ordinary keys of one layer, which other keys of the layer are compared with.
//
// Neighbours of a key are the kFarNeighbours / 2 ordinary keys before it and as many after it, itself left out; where
// one side has fewer, more of the other. They are read from about as far as the key, by about the same queries, so
// neither the length of the text nor the place in it changes how the key stands among them.
class FarNeighbours {
 public:
  // No keys: nothing is compared.
  FarNeighbours() = default;

  // Of a layer: keys that may be ordinary, whose norm in the layer that the block reads is at most the limit of
  // ordinary_norms, and whose far boost is measured.
  //
  // cost  O(n_tokens x heads)
  FarNeighbours(const SequenceMeasurement& measurement, std::size_t layer);

  // Adds an ordinary key behind the last one.
  void add(std::size_t key, float boost);

  // boost    the key's own far boost
  // returns  nothing with fewer than kMinFarNeighbours neighbours
  // cost     O(kFarNeighbours)
  std::optional<FarStanding> standing_of(std::size_t key, float boost) const;

 private:
  std::vector<std::size_t> keys_;   // ascending
  std::vector<float> log_boosts_;  // [keys]
};

// The same in natural logarithms, from a far boost; of 0 that of the smallest one that counts.
float log_far_boost(float boost);

}  // namespace sinkscope
