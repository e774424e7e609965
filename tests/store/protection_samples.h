#pragma once

#include "impact/protect.h"

namespace sinkscope::testing_samples {

// What protect could have measured of a sequence of n_tokens: every set but the placebo.
inline CacheEffect cache_effect(const CacheForm& cache, int n_tokens, double scale = 1) {
  CacheEffect effect{cache, n_tokens - 1 - first_compared(cache), {}};
  for (const KeptSet set : kKeptSets) {
    const auto s = static_cast<double>(effect.sets.size());
    effect.sets.push_back({set, s, scale * (1 + s) / 16, -scale * s / 32});
  }
  effect.sets.back().kl.reset();
  effect.sets.back().loss.reset();
  return effect;
}

}  // namespace sinkscope::testing_samples
