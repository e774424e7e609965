#pragma once

#include "report/chart.h"
#include "report/shown_effects.h"

namespace sinkscope {

inline constexpr std::string_view kEffectsFigure = "effects";
inline constexpr std::string_view kEffectsFigureSays =
    "what removing sinks does to the primary by block, and to predictions by distance, beside a placebo; what a cache loses "
    "by the tokens that it keeps";

// Of each edit: the change of the primary's score by block, cut into competition and the rest, and of its log odds, beside
// what the placebo draws range over; KL and loss by distance to the last removed token. Of each cache: the KL of each set
// of kept tokens, its interval, and the recommended set. Means over documents. Without panels where nothing was measured.
Chart effects_chart(const ShownEffects& effects, int n_layers);

}  // namespace sinkscope
