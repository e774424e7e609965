#include "report/counts.h"

#include <algorithm>
#include <set>

#include "levels/corpus.h"

namespace sinkscope {

std::size_t label_index(std::string_view label) {
  return static_cast<std::size_t>(std::ranges::find(kPaperLabels, label) - kPaperLabels.begin());
}

namespace {

void raise(std::optional<float>& most, const std::optional<float>& value) {
  if (value) most = std::max(*value, most.value_or(*value));
}

}  // namespace

void Counts::add(const SequenceFigures& figures, const Detection& detection) {
  eligible_tokens += eligible_positions(figures, detection.primary).count();
  if (detection.primary) ++by_kind[static_cast<std::size_t>(SinkKind::kPrimary)];
  for (const Run& run : detection.runs) {
    ++by_verdict[static_cast<std::size_t>(run.verdict)];
    grouped_by_verdict[static_cast<std::size_t>(run.verdict)] += detection.in_sink_group(run);
    if (run.verdict == Verdict::kAlignedOnly && !detection.in_sink_group(run)) {
      raise(aligned_only_median, run.far_boost_median);
      raise(aligned_only_max, run.far_boost_max);
    }
    if (run.verdict == Verdict::kSink) ++by_kind[static_cast<std::size_t>(run.kind)];
  }
  std::set<int> members;  // a token may be of two groups, in other layers
  for (const SinkGroup& group : detection.groups) {
    if (group.verdict != Verdict::kSink) continue;
    ++groups;
    members.insert(group.members.begin(), group.members.end());
  }
  group_tokens += static_cast<std::int64_t>(members.size());
  units += detection.n_sinks();
}

void Counts::add(const Counts& other) {
  for (std::size_t i = 0; i < by_kind.size(); ++i) by_kind[i] += other.by_kind[i];
  for (std::size_t i = 0; i < by_verdict.size(); ++i) by_verdict[i] += other.by_verdict[i];
  for (std::size_t i = 0; i < by_verdict.size(); ++i) grouped_by_verdict[i] += other.grouped_by_verdict[i];
  groups += other.groups;
  group_tokens += other.group_tokens;
  units += other.units;
  eligible_tokens += other.eligible_tokens;
  raise(aligned_only_median, other.aligned_only_median);
  raise(aligned_only_max, other.aligned_only_max);
}

void PaperCounts::add(const PaperDetection& detection) {
  for (const PaperRun& run : detection.runs) {
    for (std::size_t i = 0; i < kPaperLabels.size(); ++i) {
      if (run.label == kPaperLabels[i]) ++by_label[i];
    }
  }
}

void PaperCounts::add(const PaperCounts& other) {
  for (std::size_t i = 0; i < by_label.size(); ++i) by_label[i] += other.by_label[i];
}

}  // namespace sinkscope
