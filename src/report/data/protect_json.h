#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "impact/detected_cache.h"
#include "impact/judge_protection.h"
#include "store/records.h"

namespace sinkscope {

// JSON of schema "sinkscope.protect/1"; docs/protect.md lists its fields. Equal results give equal bytes.
//
// detector  nothing: none was asked for
// text_of   the bytes that a token stands for
// throws    Error{kOutput} if `out` fails
void write_protect_json(const ModelRecord& model, const std::vector<SequenceProtection>& sequences,
                        const JudgedProtection& judged, const ProtectRequest& request,
                        const std::optional<MeasuredDetector>& detector,
                        const std::function<std::string(TokenId)>& text_of, std::ostream& out);
// Its member `detector` alone: an object.
void write_detector_json(const MeasuredDetector& detector, std::ostream& out);

}  // namespace sinkscope
