#pragma once

#include <cstdint>

namespace sinkscope {

using TokenId = std::int32_t;

// Positions that may be the primary sink: the first of a sequence.
inline constexpr int kPrimaryCandidates = 8;

}  // namespace sinkscope
