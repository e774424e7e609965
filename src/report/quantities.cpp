#include "report/quantities.h"

#include <algorithm>
#include <array>

namespace sinkscope {
namespace {

constexpr std::array kQuantities = {
    Quantity{"far_boost", "Far boost", "\u00d7", false, 0.5F},
    Quantity{"sink_score", "Sink score", "", false, 0.001F},
    Quantity{"norm_ratio", "Norm ratio", "\u00d7", false, 0.5F},
    Quantity{"alignment", "Alignment", "", true, 0},
    Quantity{"centred_alignment", "Centred alignment", "", true, 0},
    Quantity{"read_alignment", "Read alignment", "", true, 0},
    Quantity{"sink_score_head_max", "Score of the strongest head", "", false, 0.001F},
    Quantity{"mlp_write_norm", "MLP write norm", "", false, 0},
    Quantity{"mlp_write_alignment", "MLP write alignment", "", true, 0},
    Quantity{"attn_write_norm", "Attention write norm", "", false, 0},
    Quantity{"key_norm", "Key norm", "", false, 0},
    Quantity{"value_norm", "Value norm", "", false, 0},
    Quantity{"sink_rate_03", "Heads with a score above 0.3", "", false, 0.001F},
    Quantity{"attention_share", "Share of all attention", "", false, 0.001F},
    Quantity{"massive_ratio_1", "Largest channel", "\u00d7", false, 1},
    Quantity{"eviction_cost", "Eviction cost", "", false, 0},
};

}  // namespace

std::span<const Quantity> quantities() { return kQuantities; }

const Quantity* quantity_named(std::string_view id) {
  const auto found = std::ranges::find(kQuantities, id, &Quantity::id);
  return found == kQuantities.end() ? nullptr : &*found;
}

}  // namespace sinkscope
