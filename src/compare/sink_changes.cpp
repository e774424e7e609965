#include "compare/sink_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/error.h"

namespace sinkscope {
namespace {

struct RunsOfPosition {
  std::vector<const Run*> before, after;
};

int shared_layers(const Run& a, const Run& b) {
  return std::max(0, std::min(a.l_end, b.l_end) - std::max(a.l_start, b.l_start) + 1);
}

// A cosine of 1 is only a ninth above a threshold of 0.9, so what is near it is measured on the way from there to 1.
bool is_marginal(const Run& run, float min_alignment) {
  const auto is_near = [](const std::optional<float>& margin, float most) { return margin && *margin < kMarginalMargin * most; };
  return is_near(run.margins.norm_ratio, 1) || is_near(run.margins.attention, 1) ||
         is_near(run.margins.alignment, 1 / min_alignment - 1);
}

// Takes the pair that shares most layers out of the lists; of equal ones the first. Runs that share no layer are no pair.
std::optional<std::pair<const Run*, const Run*>> take_pair(RunsOfPosition& runs) {
  int most = 0;
  std::size_t at_before = 0, at_after = 0;
  for (std::size_t i = 0; i < runs.before.size(); ++i) {
    for (std::size_t k = 0; k < runs.after.size(); ++k) {
      if (const int shared = shared_layers(*runs.before[i], *runs.after[k]); shared > most) {
        std::tie(most, at_before, at_after) = std::tuple(shared, i, k);
      }
    }
  }
  if (most == 0) return std::nullopt;
  const std::pair pair(runs.before[at_before], runs.after[at_after]);
  runs.before.erase(runs.before.begin() + static_cast<std::ptrdiff_t>(at_before));
  runs.after.erase(runs.after.begin() + static_cast<std::ptrdiff_t>(at_after));
  return pair;
}

SinkChange in_both(const Run& before, const Run& after) {
  SinkChange change{before.position, SinkFate::kKept, before.kind != after.kind, false, before, after};
  if (before.l_start != after.l_start || before.l_end != after.l_end) change.fate = SinkFate::kMoved;
  return change;
}

int first_layer(const SinkChange& change) { return change.before ? change.before->l_start : change.after->l_start; }

}  // namespace

std::string_view name_of(SinkFate fate) {
  switch (fate) {
    case SinkFate::kKept:
      return "kept";
    case SinkFate::kMoved:
      return "moved";
    case SinkFate::kLost:
      return "lost";
    case SinkFate::kGained:
      return "gained";
  }
  throw Error(ErrorCode::kInternal, "sink fate: unknown value");
}

int DocumentChanges::count(SinkFate fate) const {
  return static_cast<int>(std::ranges::count(sinks, fate, &SinkChange::fate));
}

int DocumentChanges::n_both() const {
  std::set<int> before, after, both;
  for (const SinkChange& change : sinks) {
    if (change.before) before.insert(change.position);
    if (change.after) after.insert(change.position);
  }
  std::ranges::set_intersection(before, after, std::inserter(both, both.end()));
  return static_cast<int>(both.size());
}

int DocumentChanges::n_either() const {
  std::set<int> positions;
  for (const SinkChange& change : sinks) positions.insert(change.position);
  return static_cast<int>(positions.size());
}

DocumentChanges compare_sinks(const Detection& before, const Detection& after, float min_alignment) {
  DocumentChanges changes;
  if (before.primary) {
    changes.primary_before = before.primary->position;
    changes.birth_before = before.primary->birth_layer;
  }
  if (after.primary) {
    changes.primary_after = after.primary->position;
    changes.birth_after = after.primary->birth_layer;
  }
  std::map<int, RunsOfPosition> positions;
  for (const Run& run : before.runs) {
    if (run.verdict == Verdict::kSink) positions[run.position].before.push_back(&run);
  }
  for (const Run& run : after.runs) {
    if (run.verdict == Verdict::kSink) positions[run.position].after.push_back(&run);
  }
  for (auto& [position, runs] : positions) {
    while (const auto pair = take_pair(runs)) changes.sinks.push_back(in_both(*pair->first, *pair->second));
    for (const Run* run : runs.before) {
      changes.sinks.push_back({position, SinkFate::kLost, false, is_marginal(*run, min_alignment), *run, std::nullopt});
    }
    for (const Run* run : runs.after) {
      changes.sinks.push_back({position, SinkFate::kGained, false, is_marginal(*run, min_alignment), std::nullopt, *run});
    }
  }
  std::ranges::stable_sort(changes.sinks, [](const SinkChange& a, const SinkChange& b) {
    return std::pair(a.position, first_layer(a)) < std::pair(b.position, first_layer(b));
  });
  return changes;
}

}  // namespace sinkscope
