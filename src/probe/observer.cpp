#include "probe/observer.h"

namespace sinkscope {

std::string_view name_of(ProbePoint point) {
  switch (point) {
    case ProbePoint::kEmbedding:
      return "embedding";
    case ProbePoint::kAttentionInput:
      return "attention_input";
    case ProbePoint::kMidResidual:
      return "mid_residual";
    case ProbePoint::kMlpInput:
      return "mlp_input";
    case ProbePoint::kBlockOutput:
      return "block_output";
    case ProbePoint::kAttentionWrite:
      return "attention_write";
    case ProbePoint::kMlpWrite:
      return "mlp_write";
    case ProbePoint::kCachedKeys:
      return "cached_keys";
    case ProbePoint::kCachedValues:
      return "cached_values";
  }
  return "unknown";
}

}  // namespace sinkscope
