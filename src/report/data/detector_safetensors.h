#pragma once

#include <iosfwd>

#include "impact/sink_detector.h"
#include "store/records.h"

namespace sinkscope {

// safetensors of schema "sinkscope.detector/1"; docs/protect.md lists its arrays. Equal detectors give equal bytes.
//
// throws  Error{kOutput} if `out` fails
void write_detector_safetensors(const ModelRecord& model, const TrainedDetector& trained, std::ostream& out);

}  // namespace sinkscope
