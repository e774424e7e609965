#pragma once

#include "base/json_writer.h"
#include "report/options.h"
#include "store/scan_file.h"

namespace sinkscope {

// The member `effects` of a scan in the page's opening block: verdicts, and the chart as the page draws it; null where
// ablate has not seen the file, or the paper's rule is asked for.
void write_effects(JsonWriter& json, const ScanFile& file, Rule rule);

}  // namespace sinkscope
