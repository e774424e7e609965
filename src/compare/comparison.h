#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/statistics/intervals.h"
#include "compare/sink_changes.h"

namespace sinkscope {

inline constexpr std::size_t kEnoughCompared = 8;  // documents with sinks, for an interval

// How one figure of sinks that are in both scans changed: of each sink after - before, of ratios after / before.
struct FigureChange {
  std::string_view name;  // of the sink's figure, as in JSON
  bool is_ratio = false;
  std::int64_t n = 0;                         // sinks with the figure in both
  std::optional<double> median, p05, p95;     // over sinks
  std::optional<Interval> median_interval_95;  // bootstrap over documents
};

// All texts that two scans share.
struct Comparison {
  std::int64_t n_documents = 0;  // compared
  std::int64_t n_before = 0, n_after = 0;  // sinks
  std::int64_t n_kept = 0, n_moved = 0, n_lost = 0, n_gained = 0;
  std::int64_t n_marginal = 0;    // of those lost or gained
  std::int64_t n_other_kind = 0;  // of those in both
  std::int64_t n_other_primary = 0, n_other_birth = 0;  // documents
  // Tokens that are sinks in both / in either, over all documents; nothing without sinks.
  std::optional<double> jaccard;
  std::optional<Interval> jaccard_interval_95;  // BCa bootstrap over documents; nothing with under kEnoughCompared
  std::int64_t n_with_sinks = 0;                // documents with a sink in either
  std::vector<FigureChange> figures;            // far_boost, far_z, norm_ratio, logit_gap, score
};

// seed  of the bootstraps
// cost  2000 draws over the documents for each figure
Comparison compare(std::span<const DocumentChanges> documents, std::uint64_t seed);

}  // namespace sinkscope
