#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formation/judge_explanation.h"
#include "report/chart.h"

namespace sinkscope {

// The charts of explain, one function each: they fill in title, question and panels.

void draw_formation(Chart& chart, const Explanation& explanation, int n_layers);
void draw_excess(Chart& chart, const Explanation& explanation, int n_layers);
void draw_neurons(Chart& chart, const Explanation& explanation);
void draw_mlp_map(Chart& chart, const Explanation& explanation);
void draw_decision(Chart& chart, const Explanation& explanation, int n_layers);
void draw_norm(Chart& chart, const Explanation& explanation);
void draw_survival(Chart& chart, const Explanation& explanation, int n_layers);
void draw_primary(Chart& chart, const Explanation& explanation, int n_layers);

// Shared by them.

inline constexpr SinkKind kExplainedKinds[] = {SinkKind::kSecondary, SinkKind::kPrimaryLike};

// Explained runs of a kind.
std::vector<const RunExplanation*> runs_of(const Explanation& explanation, SinkKind kind);
// Kinds that have explained runs, as they come.
std::vector<SinkKind> kinds_of(const Explanation& explanation);

}  // namespace sinkscope
