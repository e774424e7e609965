#pragma once

#include <iosfwd>
#include <memory>

#include "report/judged.h"

namespace sinkscope {

// The results as JSON of schema "sinkscope.scan/4"; docs/file-formats.md lists its fields.
//
// Equal files and options give equal bytes: fixed key order, shortest float32 digits, no time, host or path.
// throws  Error{kUsage} as check_answerable; Error{kInput} if the file is damaged; Error{kOutput} if `out` fails
// memory  one document at a time
void write_json(const ScanFile& file, const ReportOptions& options, std::ostream& out);
// The same as a view, for who judges a file for several outputs. The file and `out` must outlive it.
std::unique_ptr<JudgedView> json_view(const ScanFile& file, const ReportOptions& options, std::ostream& out);

}  // namespace sinkscope
