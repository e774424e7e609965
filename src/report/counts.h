#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "levels/corpus.h"
#include "sinks/detection.h"

namespace sinkscope {

inline constexpr std::array kAllKinds = {SinkKind::kPrimary, SinkKind::kPrimaryLike, SinkKind::kSecondary,
                                         SinkKind::kUnaligned};
inline constexpr std::array kAllVerdicts = {Verdict::kSink, Verdict::kAlignedOnly, Verdict::kTransient,
                                            Verdict::kUnscored};
// Labels of the paper's rule, in the order of the kinds that stand for them: see shown_detection.
inline constexpr std::array<std::string_view, 3> kPaperLabels = {"bos_sink", "secondary", "noise"};

// Its place in kPaperLabels.
std::size_t label_index(std::string_view label);

// What was found. Every output takes its counts from here, and rates of them the part at eligible positions.
struct Counts {
  // Sinks by kind, the primary among them: runs that are sinks, each, and groups that count, once. Of these, but for the
  // primary, those at eligible positions; a group stands where its first member does.
  std::array<std::int64_t, kAllKinds.size()> by_kind{}, eligible_by_kind{};
  std::array<std::int64_t, kAllVerdicts.size()> by_verdict{};  // all runs but the primary's
  // Groups of tokens that share a state and are a sink together; their tokens; and of the runs above those that are theirs.
  std::int64_t groups = 0, group_tokens = 0;
  std::array<std::int64_t, kAllVerdicts.size()> grouped_by_verdict{};
  std::int64_t counted_groups = 0;   // of the groups, those that count as one sink
  std::int64_t eligible_tokens = 0;  // that could be judged: see eligible_positions
  // The most that ungrouped runs with Verdict::kAlignedOnly draw: far boost, as a median and in a single block.
  std::optional<float> aligned_only_median, aligned_only_max;

  void add(const Detection& detection, const EligiblePositions& eligible);
  void add(const Counts& other);
  std::int64_t sinks() const;           // beside the primary: Detection::n_sinks
  std::int64_t eligible_sinks() const;  // of these, those that rates count
  std::int64_t of(SinkKind kind) const { return by_kind[static_cast<std::size_t>(kind)]; }
  std::int64_t of(Verdict verdict) const { return by_verdict[static_cast<std::size_t>(verdict)]; }
  // Runs that belong to no group that is a sink; runs of such groups' tokens that are no sinks by themselves.
  std::int64_t alone(Verdict verdict) const { return of(verdict) - grouped_by_verdict[static_cast<std::size_t>(verdict)]; }
  std::int64_t other_runs_of_groups() const;
};

// The same for the paper's rule, in the order of kPaperLabels.
struct PaperCounts {
  std::array<std::int64_t, kPaperLabels.size()> by_label{};

  void add(const PaperDetection& detection);
  void add(const PaperCounts& other);
};

}  // namespace sinkscope
