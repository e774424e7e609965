#pragma once

#include <string>

namespace sinkscope {

// Kinds of files that this program writes as a whole: for JSON and safetensors a kind a schema, whatever its version.
enum class MadeKind {
  kNone,  // a file of another maker, or one that took longer to make than to write, such as a results file
  kScan,
  kKeep,
  kExplain,
  kAblate,
  kProtect,
  kLevels,
  kDiff,
  kSteer,
  kValidation,
  kVerify,
  kModels,
  kDevices,
  kBench,
  kPlacesOfProbes,
  kTruth,       // what was planted
  kDuoConfig,   // of DuoAttention's pattern
  kProfiles,    // arrays of an export
  kMask,
  kDetector,
  kMlp,
  kRunTable,    // CSV of an export
  kEffectTable,
  kHtml,         // a report
  kSummary,      // its overview
  kSvg,          // a figure
  kPng,          // the same in pixels
  kHeadPattern,  // DuoAttention's heads, beside their config.json
  kTinyModel,
  kPlantedModel,  // with its truth file beside it
};

// What a regular file is, by its content: JSON and safetensors by their schema, HTML and SVG by their generator's mark,
// the others by how they begin.
//
// returns  kNone also for what cannot be read
// cost     reads 4 KiB; of a GGUF file its metadata
MadeKind made_kind(const std::string& path);

// "JSON of schema sinkscope.scan", "CSV of runs", ...
std::string name_of(MadeKind kind);

// Whether such a file may be a pipe or a device: models are read by their places.
bool may_be_stream(MadeKind kind);

}  // namespace sinkscope
