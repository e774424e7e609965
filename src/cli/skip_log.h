#pragma once

#include <string>
#include <vector>

#include "scan/scanned_document.h"
#include "text/document.h"

namespace sinkscope {

// Lines of the input that were passed over: the first few are named on standard error, all are counted.
class SkipLog {
 public:
  explicit SkipLog(bool quiet) : quiet_(quiet) {}

  void operator()(const SkippedInput& skipped);
  const std::vector<SkippedLine>& lines() const { return lines_; }
  bool empty() const { return lines_.empty(); }
  // One line with the count, if there is anything to count.
  void summarise() const;

 private:
  bool quiet_;
  std::vector<SkippedLine> lines_;
};

}  // namespace sinkscope
