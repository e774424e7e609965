#include "report/counts.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace sinkscope {

std::size_t label_index(std::string_view label) {
  return static_cast<std::size_t>(std::ranges::find(kPaperLabels, label) - kPaperLabels.begin());
}

namespace {

void raise(std::optional<float>& most, const std::optional<float>& value) {
  if (value) most = std::max(*value, most.value_or(*value));
}

}  // namespace

void Counts::add(const Detection& detection, const EligiblePositions& eligible) {
  const auto add_sink = [&](SinkKind kind, int position) {
    ++by_kind[static_cast<std::size_t>(kind)];
    eligible_by_kind[static_cast<std::size_t>(kind)] += eligible.contains(position);
  };
  eligible_tokens += eligible.count();
  if (detection.primary) ++by_kind[static_cast<std::size_t>(SinkKind::kPrimary)];
  for (const Run& run : detection.runs) {
    ++by_verdict[static_cast<std::size_t>(run.verdict)];
    grouped_by_verdict[static_cast<std::size_t>(run.verdict)] += detection.in_sink_group(run);
    if (run.verdict == Verdict::kAlignedOnly && !detection.in_sink_group(run)) {
      raise(aligned_only_median, run.far_boost_median);
      raise(aligned_only_max, run.far_boost_max);
    }
    if (run.verdict == Verdict::kSink) add_sink(run.kind, run.position);
  }
  std::set<int> members;  // a token may be of two groups, in other layers
  for (const SinkGroup& group : detection.groups) {
    if (group.verdict != Verdict::kSink) continue;
    ++groups;
    if (detection.counts(group)) {
      ++counted_groups;
      add_sink(group.kind, group.members.front());
    }
    members.insert(group.members.begin(), group.members.end());
  }
  group_tokens += static_cast<std::int64_t>(members.size());
}

std::int64_t Counts::sinks() const { return std::reduce(by_kind.begin(), by_kind.end()) - of(SinkKind::kPrimary); }

std::int64_t Counts::eligible_sinks() const { return std::reduce(eligible_by_kind.begin(), eligible_by_kind.end()); }

std::int64_t Counts::other_runs_of_groups() const {
  return std::reduce(grouped_by_verdict.begin(), grouped_by_verdict.end()) -
         grouped_by_verdict[static_cast<std::size_t>(Verdict::kSink)];
}

void Counts::add(const Counts& other) {
  for (std::size_t i = 0; i < by_kind.size(); ++i) by_kind[i] += other.by_kind[i];
  for (std::size_t i = 0; i < by_kind.size(); ++i) eligible_by_kind[i] += other.eligible_by_kind[i];
  for (std::size_t i = 0; i < by_verdict.size(); ++i) by_verdict[i] += other.by_verdict[i];
  for (std::size_t i = 0; i < by_verdict.size(); ++i) grouped_by_verdict[i] += other.grouped_by_verdict[i];
  groups += other.groups;
  group_tokens += other.group_tokens;
  counted_groups += other.counted_groups;
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
