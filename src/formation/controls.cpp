#include "formation/controls.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/index.h"

namespace sinkscope {
namespace {

// Positions of the first n_tokens of a text that may still be used. Those that are closed may lie behind them: a text is cut
// where nothing more is needed of it.
class Usable {
 public:
  Usable(int n_tokens, const Detection& detection, const ExplainOptions& options) : open_(index(n_tokens), 1) {
    for (int t = 0; t < options.first_ordinary; ++t) close(t);
    if (!detection.primary) return;
    for (int t = 0; t < detection.primary->position; ++t) close(t);  // padding, or another text
    for (const int position : detection.primary->set) close(position);
  }

  void close(int position) {
    if (index(position) < open_.size()) open_[index(position)] = 0;
  }

  std::vector<int> positions() const {
    std::vector<int> positions;
    for (std::size_t t = 0; t < open_.size(); ++t) {
      if (open_[t] != 0) positions.push_back(static_cast<int>(t));
    }
    return positions;
  }

 private:
  std::vector<char> open_;  // [n_tokens] 1: may be used
};

}  // namespace

std::vector<int> eligible_tokens(int n_tokens, const Detection& detection, int l_start, int l_end,
                                 const ExplainOptions& options) {
  Usable usable(n_tokens, detection, options);
  for (const Run& run : detection.runs) {
    const bool overlaps = run.l_start <= l_end && run.l_end >= l_start;
    if (overlaps || run.verdict == Verdict::kSink) usable.close(run.position);
  }
  return usable.positions();
}

std::vector<int> tokens_in_no_run(int n_tokens, const Detection& detection, const ExplainOptions& options) {
  Usable usable(n_tokens, detection, options);
  for (const Run& run : detection.runs) usable.close(run.position);
  return usable.positions();
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
