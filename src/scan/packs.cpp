#include "scan/packs.h"

#include <algorithm>
#include <cstdint>

namespace sinkscope {

std::vector<PackRange> plan_packs(std::span<const int> lengths, const PackLimits& limits) {
  const int most = limits.short_tokens ? std::min(limits.max_tokens, *limits.short_tokens) : limits.max_tokens;
  std::vector<PackRange> packs;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const bool fits = !packs.empty() && packs.back().count < static_cast<std::size_t>(limits.max_sequences) &&
                      tokens + lengths[i] <= most;
    if (!fits) {
      packs.push_back({i, 0});
      tokens = 0;
    }
    ++packs.back().count;
    tokens += lengths[i];
  }
  return packs;
}

}  // namespace sinkscope
