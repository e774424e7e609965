#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace sinkscope {

// Whether this build has sanitizers, under which a run takes some ten times as long.
#ifdef SINKSCOPE_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// Cases of a test that takes minutes over all of them: under sanitizers every eleventh, which is prime to what such
// lists repeat by (precisions, caches, packs), so that each value occurs.
template <typename Case>
std::vector<Case> fewer_if_sanitized(std::vector<Case> cases) {
  if constexpr (!kSanitized) return cases;
  std::vector<Case> fewer;
  for (std::size_t i = 0; i < cases.size(); i += 11) fewer.push_back(std::move(cases[i]));
  return fewer;
}

}  // namespace sinkscope
