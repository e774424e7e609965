#include "engine/attention/visible_rows.h"

namespace sinkscope {

bool rows_of(const AttentionMask& mask, std::vector<AttentionRow>& rows) {
  const auto visible = mask.visible();
  const auto key_position = mask.key_position(), key_sequence = mask.key_sequence();
  // rising[k]: the first of the keys up to k that belong to one sequence, with rising positions.
  std::vector<std::int32_t> rising(key_position.size(), 0);
  for (std::size_t k = 1; k < rising.size(); ++k) {
    const bool rises = key_sequence[k] == key_sequence[k - 1] && key_position[k] >= key_position[k - 1];
    rising[k] = rises ? rising[k - 1] : static_cast<std::int32_t>(k);
  }
  rows.resize(visible.size());
  for (std::size_t q = 0; q < visible.size(); ++q) {
    const VisibleKeys& keys = visible[q];
    const std::int64_t limit = std::int64_t{mask.query_position()[q]} - mask.min_distance();
    const std::int32_t sequence = mask.query_sequence()[q];
    const auto is_far = [&](std::int32_t k) {
      return key_sequence[static_cast<std::size_t>(k)] == sequence &&
             key_position[static_cast<std::size_t>(k)] <= limit;
    };
    std::int32_t far_last = keys.last;
    while (far_last > keys.first && !is_far(far_last - 1)) --far_last;  // near keys are few
    if (far_last > keys.first && rising[static_cast<std::size_t>(far_last - 1)] > keys.first) {
      for (std::int32_t k = keys.first; k < far_last; ++k) {
        if (!is_far(k)) return false;
      }
    }
    rows[q] = {keys.first, keys.last, far_last, keys.plain};
  }
  return true;
}

}  // namespace sinkscope
