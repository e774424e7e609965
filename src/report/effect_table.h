#pragma once

#include "impact/judge_ablation.h"
#include "report/data_table.h"

namespace sinkscope {

// One row for each edit, sequence, block with queries, and run: the one without sinks, and each placebo draw. Columns are
// those of the JSON's blocks.
DataTable block_effect_table(const Ablation& ablation, const AblateRequest& request);

// One row for each effect over documents: the endpoints of each edit, then its blocks, then distances.
DataTable effect_table(const JudgedAblation& judged);

}  // namespace sinkscope
