#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "base/views.h"
#include "impact/protect.h"
#include "impact/token_effect.h"

namespace sinkscope {

// Whether a sequence tells of a cache: kMinCacheTokens of its tokens are compared.
bool is_long_enough(const SequenceToAblate& sequence, const CacheForm& cache);
// Whether a cache has room for the kept tokens, and one more.
bool has_room(const CacheForm& cache, const std::vector<int>& kept);

// Runs of one sequence with one cache; equal sets are run once.
class CachedRuns {
 public:
  // unedited  [n_tokens, d_model] final states of the run with the full exact cache
  CachedRuns(Model& model, const SequenceToAblate& sequence, const RunOptions& run, const CacheForm& cache,
             const Matrix<float>& unedited)
      : model_(model), sequence_(sequence), run_(run), cache_(cache), unedited_(unedited) {}

  // A set that is wanted.
  //
  // cost  a pass, unless it is there, or changes nothing
  void add(const std::vector<int>& kept);
  // To be called once, after the last set.
  void compare();
  const TokenEffect& of(const std::vector<int>& kept) const { return effects_[runs_.at(kept)]; }

 private:
  Model& model_;
  const SequenceToAblate& sequence_;
  const RunOptions& run_;
  const CacheForm& cache_;
  const Matrix<float>& unedited_;
  std::map<std::vector<int>, std::size_t> runs_;  // by kept tokens
  std::vector<EditedStates> states_;
  std::vector<TokenEffect> effects_;
};

}  // namespace sinkscope
