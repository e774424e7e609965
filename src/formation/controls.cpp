#include "formation/controls.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/index.h"

namespace sinkscope {
namespace {

// 1 for positions that may be used.
std::vector<char> usable(int n_tokens, const Detection& detection, const ExplainOptions& options) {
  std::vector<char> open(index(n_tokens), 1);
  for (int t = 0; t < std::min(n_tokens, options.first_ordinary); ++t) open[index(t)] = 0;
  if (detection.primary) {
    for (const int position : detection.primary->set) open[index(position)] = 0;
  }
  return open;
}

std::vector<int> positions_of(const std::vector<char>& open) {
  std::vector<int> positions;
  for (std::size_t t = 0; t < open.size(); ++t) {
    if (open[t] != 0) positions.push_back(static_cast<int>(t));
  }
  return positions;
}

}  // namespace

std::vector<int> eligible_tokens(int n_tokens, const Detection& detection, int l_start, int l_end,
                                 const ExplainOptions& options) {
  std::vector<char> open = usable(n_tokens, detection, options);
  for (const Run& run : detection.runs) {
    const bool overlaps = run.l_start <= l_end && run.l_end >= l_start;
    if (overlaps || run.verdict == Verdict::kSink) open[index(run.position)] = 0;
  }
  return positions_of(open);
}

std::vector<int> tokens_in_no_run(int n_tokens, const Detection& detection, const ExplainOptions& options) {
  std::vector<char> open = usable(n_tokens, detection, options);
  for (const Run& run : detection.runs) open[index(run.position)] = 0;
  return positions_of(open);
}

Controls choose_controls(std::span<const TokenId> tokens, std::span<const int> eligible, int position,
                         const ExplainOptions& options) {
  Controls controls;
  std::vector<int> same, any;
  for (const int other : eligible) {
    if (other == position) continue;
    any.push_back(other);
    if (tokens[index(other)] == tokens[index(position)]) same.push_back(other);
  }
  controls.n_eligible = static_cast<int>(any.size());
  controls.same_token = static_cast<int>(same.size()) >= options.min_same_token;
  std::vector<int>& chosen = controls.same_token ? same : any;
  std::ranges::sort(chosen, {}, [&](int other) { return std::pair(std::abs(other - position), other); });
  chosen.resize(std::min(chosen.size(), index(options.n_controls)));
  std::ranges::sort(chosen);
  controls.positions = std::move(chosen);
  return controls;
}

}  // namespace sinkscope
