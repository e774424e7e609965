#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "report/chart.h"
#include "store/explained_file.h"

namespace sinkscope {

struct ExplainChart {
  std::string_view id;    // a name of `plot --figure`
  std::string_view page;  // of the report: "formation", "norm", "primary"
  std::string_view what;
};
// formation, excess, neurons, mlp_map, decision, norm, survival, primary
std::span<const ExplainChart> explain_charts();

// One of them. Without panels where nothing of it was measured.
//
// throws  Error{kInternal} if there is no such chart
Chart explain_chart(std::string_view id, const ScanFile& file, const ExplainedFile& explained);

}  // namespace sinkscope
