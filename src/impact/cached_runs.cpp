#include "impact/cached_runs.h"

#include <memory>

#include "probe/edit.h"

namespace sinkscope {

bool is_long_enough(const SequenceToAblate& sequence, const CacheForm& cache) {
  return std::ssize(sequence.tokens) - 1 - first_compared(cache) >= kMinCacheTokens;
}

bool has_room(const CacheForm& cache, const std::vector<int>& kept) {
  return cache.kind != CacheKind::kWindow || std::ssize(kept) < cache.cells;
}

void CachedRuns::add(const std::vector<int>& kept) {
  if (!runs_.emplace(kept, states_.size()).second) return;
  const std::unique_ptr<Edit> edit =
      make_cache(cache_, kept, static_cast<int>(sequence_.tokens.size()), model_.facts());
  if (!edit) {
    states_.push_back({unedited_, {}});
    return;
  }
  RunOptions options = run_;
  options.edits.push_back(edit.get());
  FinalStates states(static_cast<int>(sequence_.tokens.size()));
  model_.run({{sequence_.tokens}}, states, options);
  states_.push_back({states.states(), {}});
}

void CachedRuns::compare() {
  effects_ =
      token_effects(model_, sequence_.tokens, first_compared(cache_), unedited_, states_, run_.should_stop);
}

}  // namespace sinkscope
