#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/detection.h"

namespace sinkscope {

// What became of a sink from one scan of a text to another.
enum class SinkFate { kKept, kMoved, kLost, kGained };
std::string_view name_of(SinkFate fate);  // "kept", "moved", "lost", "gained"

// A threshold met by less than this share of it is met by chance; of an alignment, by less than this share of the way to 1.
inline constexpr float kMarginalMargin = 0.1F;

struct SinkChange {
  int position = 0;
  SinkFate fate = SinkFate::kKept;  // kMoved: it begins or ends in another layer
  bool other_kind = false;          // of a sink in both
  bool marginal = false;            // lost or gained, and near a threshold on the side that has it: kMarginalMargin
  std::optional<Run> before, after;
};

// One text in two scans.
struct DocumentChanges {
  std::string key;  // of the document; draws go by it
  std::vector<SinkChange> sinks;  // by position, then by layer
  std::optional<int> primary_before, primary_after;  // positions
  std::optional<int> birth_before, birth_after;      // layers

  int count(SinkFate fate) const;
  // Positions that are sinks in both, and in either.
  int n_both() const;
  int n_either() const;
};

// Sinks of one position are paired in the order of their layers, those first that share most layers; what is left is lost
// or gained. The primary and its set are no sinks here.
//
// before, after  of the same tokens
// min_alignment  with which they were judged
// cost           O(sinks log sinks)
DocumentChanges compare_sinks(const Detection& before, const Detection& after, float min_alignment);

}  // namespace sinkscope
