#pragma once

#include <cstdint>
#include <vector>

#include "engine/attention/attention_mask.h"

namespace sinkscope {

// What one query sees: keys [first, last).
struct AttentionRow {
  std::int32_t first = 0, last = 0;
  std::int32_t far_last = 0;  // keys [first, far_last) are far
  bool plain = true;          // no bias and no hole in [first, last)
};

// Rows as a mask's reader found them.
//
// returns  false if the far keys of some query do not lie before all its near ones
bool rows_of(const AttentionMask& mask, std::vector<AttentionRow>& rows);

}  // namespace sinkscope
