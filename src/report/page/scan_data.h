#pragma once

#include <string>
#include <vector>

#include "report/page/page.h"

namespace sinkscope {

// What the page's opening block says of one results file.
struct ScanData {
  std::string json;              // an object; see docs/report.md
  std::vector<bool> has_detail;  // [documents] whether the document's block carries its layers x tokens maps
};

// Applies the rule to every document once: all that lists, counts and levels need.
ScanData scan_data(const NamedScan& scan, int scan_index, const HtmlOptions& options);

// The id of the HTML element that holds a document's block.
std::string document_block_id(int scan_index, std::size_t document);

}  // namespace sinkscope
