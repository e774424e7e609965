#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

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

// What was found: sinks by kind, the primary among them, and all other tokens' runs by verdict.
struct Counts {
  std::array<std::int64_t, kAllKinds.size()> by_kind{};
  std::array<std::int64_t, kAllVerdicts.size()> by_verdict{};
  // Groups of tokens that share a state and are a sink together; their tokens; and of the runs above those that are theirs.
  std::int64_t groups = 0, group_tokens = 0;
  std::array<std::int64_t, kAllVerdicts.size()> grouped_by_verdict{};
  std::int64_t units = 0;            // sinks beside the primary: Detection::n_sinks
  std::int64_t eligible_tokens = 0;  // that could be judged: see eligible_positions
  // The most that ungrouped runs with Verdict::kAlignedOnly draw: far boost, as a median and in a single block.
  std::optional<float> aligned_only_median, aligned_only_max;

  void add(const SequenceFigures& figures, const Detection& detection);
  void add(const Counts& other);
  std::int64_t of(SinkKind kind) const { return by_kind[static_cast<std::size_t>(kind)]; }
  std::int64_t of(Verdict verdict) const { return by_verdict[static_cast<std::size_t>(verdict)]; }
  // Runs that belong to no group that is a sink.
  std::int64_t alone(Verdict verdict) const { return of(verdict) - grouped_by_verdict[static_cast<std::size_t>(verdict)]; }
};

// The same for the paper's rule, in the order of kPaperLabels.
struct PaperCounts {
  std::array<std::int64_t, kPaperLabels.size()> by_label{};

  void add(const PaperDetection& detection);
  void add(const PaperCounts& other);
};

}  // namespace sinkscope
