#pragma once

#include <string_view>

#include "levels/corpus.h"
#include "report/chart.h"
#include "report/options.h"

namespace sinkscope {

inline constexpr std::string_view kStrengthFigure = "strength";
inline constexpr std::string_view kStrengthFigureSays =
    "each sink of all documents: its norm ratio against the attention that it draws and the layers that it lasts";

// Points that are drawn, at most: of more sinks every k-th.
inline constexpr std::size_t kMostPoints = 2000;

// One point a sink of all documents: far boost and lifetime by norm ratio. Without panels where no sink has a norm ratio,
// as by the paper's rule.
//
// rule  what the kinds are called by: see kind_name
Chart strength_chart(const SinkCorpus& corpus, Rule rule);

}  // namespace sinkscope
