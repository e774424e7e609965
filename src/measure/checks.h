#pragma once

#include <span>

#include "probe/observer.h"

namespace sinkscope {

// throws  Error{kModel} if a norm of keys or values is infinite: the cache holds float16 unless it is asked for float32
void check_overflow(const char* what, int layer, int first_token, std::span<const float> norms);

// head_totals  [n_heads] of the event's sums
// throws       NotFinite if a total is not finite; Error{kModel} if it and the learned mass are not the number of
// queries
//              within 0.1 %
void check_conservation(const AttentionEvent& event, std::span<const double> head_totals);

}  // namespace sinkscope
