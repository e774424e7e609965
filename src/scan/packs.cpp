#include "scan/packs.h"

#include <cstdint>

namespace sinkscope {

std::vector<PackRange> plan_packs(std::span<const int> lengths, int max_tokens, int max_sequences) {
  std::vector<PackRange> packs;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const bool fits = !packs.empty() && packs.back().count < static_cast<std::size_t>(max_sequences) &&
                      tokens + lengths[i] <= max_tokens;
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
