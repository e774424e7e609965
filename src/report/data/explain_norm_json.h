#pragma once

#include <span>

#include "base/json_writer.h"
#include "formation/norm_claim.h"
#include "formation/norm_profiles.h"

namespace sinkscope {

// One object of `norm` of sinkscope.explain/1.
void write_norm(JsonWriter& json, const NormFigures& norm, std::span<const NormCase> cases,
                std::span<const LevelScores> levels);

}  // namespace sinkscope
