#pragma once

#include "base/json_writer.h"
#include "report/options.h"
#include "store/scan_file.h"

namespace sinkscope {

// The member `explained` of a scan in the page's opening block: claims, and charts as the page draws them; null where
// explain has not seen the file, or the paper's rule is asked for.
void write_explained(JsonWriter& json, const ScanFile& file, Rule rule, const ReportOptions& options);

}  // namespace sinkscope
