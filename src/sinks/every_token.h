#pragma once

#include "sinks/figures.h"

namespace sinkscope {

// The floor that every token passes.
inline constexpr CandidateFloor kEveryToken{.alignment = -1, .norm_ratio = 0, .unaligned_far_boost = 0};

}  // namespace sinkscope
