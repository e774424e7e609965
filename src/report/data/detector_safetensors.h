#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>

#include "impact/sink_detector.h"
#include "store/records.h"

namespace sinkscope {

// safetensors of schema "sinkscope.detector/1"; docs/protect.md lists its arrays. Equal detectors give equal bytes.
//
// throws  Error{kOutput} if `out` fails
void write_detector_safetensors(const ModelRecord& model, const TrainedDetector& trained, std::ostream& out);

// A detector that was written.
struct ReadDetector {
  std::string model, model_sha256;  // of which it is
  TrainedDetector trained;          // without those that judged; recall and precision to six digits
};

// The inverse.
//
// what    names the bytes in messages
// throws  Error{kInput} for bytes that are no such file
ReadDetector read_detector_safetensors(std::span<const std::byte> bytes, const std::string& what);

}  // namespace sinkscope
