#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "formation/explain_options.h"

namespace sinkscope {

// Why a run ends where it does.
enum class EndCause {
  kNetwork,      // it reaches the last layer
  kWithPrimary,  // the primary has no norm there either, or keeps under half its height
  kOutgrown,     // ordinary norms have grown: the state, kept as it was, is no longer large among them
  kTurned,       // as large as before, in another direction
  kRemoved,      // a write took the state away
};
std::string_view name_of(EndCause cause);  // "network", "with_primary", "outgrown", "turned", "removed"

struct RunEnd {
  EndCause cause = EndCause::kNetwork;
  std::optional<double> height_kept;          // <h_{l_end+1}, u> / <h_{l_end}, u>; nothing at the last layer
  std::optional<double> primary_height_kept;  // the same of the primary
  // Last layer at which the norm of l_peak, were it to stay, is at least end_norm_ratio ordinary norms.
  int diluted_l_end = 0;
};

// What is asked of the layers, [n_layers] each.
struct EndInputs {
  std::span<const float> norm;           // of h_l[t]
  std::span<const float> height;         // <h_l[t], u_l>, not divided by m_l
  std::span<const float> primary_norm;   // of h_l[p]
  std::span<const float> ordinary_norm;  // m_l
};

// l_start <= l_peak <= l_end < n_layers
RunEnd end_of_run(const EndInputs& inputs, int l_peak, int l_end, const ExplainOptions& options);

}  // namespace sinkscope
