#pragma once

#include <iosfwd>

#include "impact/ablate.h"

namespace sinkscope {

// One row for each edit, sequence, block with queries, and run: the one without sinks, and each placebo draw. Columns are
// those of the JSON's blocks; empty cells were not measured.
//
// throws  Error{kOutput} if `out` fails
void write_ablate_csv(const Ablation& ablation, const AblateRequest& request, std::ostream& out);

}  // namespace sinkscope
