#pragma once

#include <vector>

#include "sinks/detection.h"

namespace sinkscope {

// A sink as figures by layer name and sort it. The primary's set comes as primaries.
struct DrawnSink {
  SinkKind kind = SinkKind::kPrimary;
  int position = 0;
  Prominence prominence;
};
// One of each position, ascending: of several runs that of the first kind.
std::vector<DrawnSink> drawn_sinks(const Detection& detection);

}  // namespace sinkscope
