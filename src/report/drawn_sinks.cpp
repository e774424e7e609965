#include "report/drawn_sinks.h"

#include <algorithm>
#include <utility>

namespace sinkscope {

std::vector<DrawnSink> drawn_sinks(const Detection& detection) {
  std::vector<DrawnSink> sinks;
  if (detection.primary) {
    std::vector<int> set = detection.primary->set;
    set.push_back(detection.primary->position);
    for (const int position : set) {
      sinks.push_back({SinkKind::kPrimary, position, prominence_of(*detection.primary)});
    }
  }
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink) sinks.push_back({run.kind, run.position, prominence_of(run)});
  }
  std::ranges::stable_sort(sinks, [](const DrawnSink& a, const DrawnSink& b) {
    return std::pair(a.position, a.kind) < std::pair(b.position, b.kind);
  });
  const auto same = std::ranges::unique(sinks, {}, &DrawnSink::position);
  sinks.erase(same.begin(), same.end());
  return sinks;
}

}  // namespace sinkscope
