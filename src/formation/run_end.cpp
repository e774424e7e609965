#include "formation/run_end.h"

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {

std::string_view name_of(EndCause cause) {
  switch (cause) {
    case EndCause::kNetwork:
      return "network";
    case EndCause::kWithPrimary:
      return "with_primary";
    case EndCause::kOutgrown:
      return "outgrown";
    case EndCause::kTurned:
      return "turned";
    case EndCause::kRemoved:
      return "removed";
  }
  throw Error(ErrorCode::kInternal, "end: unknown cause");
}

RunEnd end_of_run(const EndInputs& inputs, int l_peak, int l_end, const ExplainOptions& options) {
  const auto n_layers = static_cast<int>(inputs.norm.size());
  const auto ratio = [](float a, float b) { return static_cast<double>(a) / static_cast<double>(b); };
  RunEnd end;
  end.diluted_l_end = l_peak;
  for (int l = 0; l < n_layers; ++l) {
    if (ratio(inputs.norm[index(l_peak)], inputs.ordinary_norm[index(l)]) >= options.end_norm_ratio) {
      end.diluted_l_end = l;
    }
  }
  if (l_end + 1 >= n_layers) return end;
  const std::size_t last = index(l_end), next = index(l_end + 1);
  end.height_kept = ratio(inputs.height[next], inputs.height[last]);
  end.primary_height_kept = ratio(inputs.primary_norm[next], inputs.primary_norm[last]);
  const double alignment = ratio(inputs.height[next], inputs.norm[next]);
  if (ratio(inputs.primary_norm[next], inputs.ordinary_norm[next]) < options.end_norm_ratio ||
      *end.primary_height_kept < options.end_primary_kept) {
    end.cause = EndCause::kWithPrimary;
  } else if (ratio(inputs.norm[last], inputs.ordinary_norm[next]) < options.end_norm_ratio) {
    end.cause = EndCause::kOutgrown;
  } else if (ratio(inputs.norm[next], inputs.ordinary_norm[next]) >= options.end_norm_ratio &&
             alignment < options.end_alignment) {
    end.cause = EndCause::kTurned;
  } else {
    end.cause = EndCause::kRemoved;
  }
  return end;
}

}  // namespace sinkscope
