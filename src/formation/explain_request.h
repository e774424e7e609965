#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "formation/explain_options.h"
#include "probe/model.h"
#include "scan/measurement_options.h"
#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

// One sequence as it is read for explaining.
struct SequenceToExplain {
  std::int64_t ordinal = 0;
  std::string key;  // of the document; draws go by it
  std::vector<TokenId> tokens;
  SequenceFigures figures;
  Detection detection;  // under the thresholds of the request
};
using LoadSequence = std::function<SequenceToExplain(std::int64_t ordinal)>;

struct ExplainRequest {
  ExplainOptions options;
  Thresholds thresholds;  // with which detections are made
  std::vector<SinkKind> kinds = {SinkKind::kSecondary, SinkKind::kPrimaryLike};
  bool formation = true, map = true, norm = true, primary = true;  // claims
  std::vector<int> layers;  // that are mapped, and E of the primary's claim; empty: the commonest
  RunOptions run;
  std::function<void(std::int64_t done, std::int64_t total, const std::string& what)> on_progress;

  void tell(std::int64_t done, std::int64_t total, const std::string& what) const {
    if (on_progress) on_progress(done, total, what);
  }
};

// What a results file says of a request: kinds, layers, thresholds and every constant.
std::vector<NamedOption> named_explain_options(const ExplainRequest& request);
// throws  Error{kInput} if a name lacks or a value is not of its kind
ExplainRequest explain_request_from_names(std::span<const NamedOption> named);

// The first option in which two requests differ such that what was measured for one is not what the other asks for.
// How many sinks are edited, and which layers are mapped, is no such option: more are added.
std::optional<OptionDifference> first_explain_difference(const ExplainRequest& expected, const ExplainRequest& got);

}  // namespace sinkscope
