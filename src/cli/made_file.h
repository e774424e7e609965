#pragma once

#include <string>
#include <string_view>

namespace sinkscope {

// Kinds of files that this program writes as a whole.
enum class MadeKind {
  kNone,         // a file of another maker, or one that took longer to make than to write, such as a results file
  kJson,         // of any schema "sinkscope...", but for the next
  kTruth,        // what was planted
  kHtml,         // a report
  kMarkdown,     // its summary
  kSvg,          // a figure
  kPng,          // the same in pixels
  kCsv,          // runs of an export
  kSafetensors,  // arrays of an export
  kHeadPattern,  // DuoAttention's heads, beside their config.json
  kModel,        // of `tiny`, or of `plant` with its truth file beside it
};

// What a regular file is, by its content: JSON by its schema, HTML and SVG by their generator's mark, the others by
// how they begin.
//
// returns  kNone also for what cannot be read
// cost     reads 4 KiB; of a GGUF file its metadata
MadeKind made_kind(const std::string& path);

// "JSON of this program", ...
std::string_view name_of(MadeKind kind);

}  // namespace sinkscope
