#pragma once

#include "impact/judge_ablation.h"
#include "report/chart.h"

namespace sinkscope {

inline constexpr std::string_view kEffectsFigure = "effects";
inline constexpr std::string_view kEffectsFigureSays =
    "what removing sinks does to the primary by block, and to predictions by distance, beside a placebo";

// Of each edit: the change of the primary's score by block, cut into competition and the rest, and of its log odds, beside
// what the placebo draws range over; KL and loss by distance to the last removed token. Means over documents. Without
// panels where no block and no token was measured.
Chart effects_chart(const Ablation& ablation, const JudgedAblation& judged, const AblateRequest& request, int n_layers);

}  // namespace sinkscope
