#pragma once

#include <string>

#include "impact/detected_cache.h"
#include "impact/head_reach.h"

namespace sinkscope {

// What Scanner::head_reach and Scanner::detector return: what `protect --duo` and `protect --detector` write.

// Which heads of a model need a whole cache.
struct HeadPattern {
  std::string model, model_sha256;
  HeadReach reach;
};

// A rule that names sinks of a model as they pass a block, and what is known of it. SinkDetector::named() of
// `measured.trained.detector` applies it to states.
struct ModelDetector {
  std::string model, model_sha256;
  MeasuredDetector measured;
};

// DuoAttention's folder of the pattern: config.json and full_attention_heads.tsv (docs/protect.md). It is made if it is not
// there; files of these names in it are replaced.
//
// throws  Error{kOutput} if it cannot be written
void save_pattern(const std::string& folder, const HeadPattern& pattern);

// The detector as safetensors of schema "sinkscope.detector/1" (docs/protect.md). What caches lose that keep what it names
// is no part of them. A file of this name is replaced.
//
// throws  Error{kOutput} if it cannot be written
void save_detector(const std::string& path, const ModelDetector& detector);

// The inverse: the same rule, bit for bit; recall and precision to six digits, no caches.
//
// throws  Error{kInput} if it is no such file
ModelDetector load_detector(const std::string& path);

// What is known of it, as the member `detector` of JSON of schema "sinkscope.protect/1".
std::string detector_json(const ModelDetector& detector);

}  // namespace sinkscope
