#pragma once

#include <iosfwd>

#include "report/judged.h"

namespace sinkscope {

// Which tokens caches should keep, by block and key-value head, as JSON of schema "sinkscope.keep/1" (docs/kv-cache.md): of each
// sequence the primary's set and the sinks, each with the blocks that read it and the attention that it draws there.
//
// throws  as write_json; Error{kUsage} by the paper's rule, which measures no attention
// memory  one document at a time, with its scores by head where they were kept (scan --keep heads)
void write_keep_json(const ScanFile& file, const ReportOptions& options, std::ostream& out);

}  // namespace sinkscope
