#include "sinks/figures.h"

#include <algorithm>

namespace sinkscope {

const TokenProfile* profile_of(const SequenceFigures& figures, int position) {
  for (const auto* profiles : {&figures.first_positions, &figures.tokens}) {
    const auto found = std::ranges::lower_bound(*profiles, position, {}, &TokenProfile::position);
    if (found != profiles->end() && found->position == position) return &*found;
  }
  return nullptr;
}

}  // namespace sinkscope
