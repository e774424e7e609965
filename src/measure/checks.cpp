#include "measure/checks.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "probe/not_finite.h"

namespace sinkscope {

void check_overflow(const char* what, int layer, int first_token, std::span<const float> norms) {
  const auto found = std::ranges::find_if(norms, [](float norm) { return std::isinf(norm); });
  if (found == norms.end()) return;
  throw Error(ErrorCode::kModel, "block " + std::to_string(layer) + ", token " +
                                     std::to_string(first_token + (found - norms.begin())) + ": expected " + what +
                                     " that the key-value cache can hold (float16: up to 65504), got larger ones; "
                                     "--cache-type-k f32 measures them");
}

void check_conservation(const AttentionEvent& event, std::span<const double> head_totals) {
  constexpr double kTolerance = 1e-3;
  for (std::size_t head = 0; head < head_totals.size(); ++head) {
    const double total = head_totals[head] + (event.learned_mass.empty() ? 0.0 : event.learned_mass[head]);
    const std::string where = "block " + std::to_string(event.layer) + ", head " + std::to_string(head);
    if (!std::isfinite(total)) {
      throw NotFinite(where + ": expected finite attention, got " + std::to_string(total) +
                      "; the model file may be damaged");
    }
    if (std::abs(total - event.n_queries) <= kTolerance * event.n_queries) continue;
    throw Error(ErrorCode::kModel, where + ": expected attention of " + std::to_string(event.n_queries) +
                                       " queries to sum to their number within 0.1 %, got " + std::to_string(total) +
                                       "; the model file may be damaged, or its attention is not causal");
  }
}

}  // namespace sinkscope
