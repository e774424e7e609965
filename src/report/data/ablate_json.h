#pragma once

#include <iosfwd>

#include "impact/judge_ablation.h"
#include "store/records.h"

namespace sinkscope {

// JSON of schema "sinkscope.ablate/1"; docs/impact.md lists its fields. Equal ablations give equal bytes.
//
// throws  Error{kOutput} if `out` fails
void write_ablate_json(const ModelRecord& model, const Ablation& ablation, const JudgedAblation& judged,
                       const AblateRequest& request, std::ostream& out);

}  // namespace sinkscope
