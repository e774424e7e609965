#pragma once

#include <string_view>

#include "report/chart.h"
#include "report/layer_data.h"
#include "report/options.h"

namespace sinkscope {

inline constexpr std::string_view kWritesFigure = "writes";
inline constexpr std::string_view kWritesFigureSays =
    "what MLPs add to the primary, the sinks and other tokens, by layer: its norm, and its cosine with the primary's state";

// Medians over the primary's set and over the sinks of each kind, beside the quantiles of all other tokens where profiles
// were kept: a write that stands out in norm and direction is what makes a sink. Without panels where writes were not
// measured.
//
// rule  what the kinds are called by: see kind_name
Chart writes_chart(const LayerData& data, const Detection& detection, Rule rule);

}  // namespace sinkscope
