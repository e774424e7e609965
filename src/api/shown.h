#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "api/results.h"
#include "api/scanned_text.h"

namespace sinkscope {

// What the program shows of results, as text in memory. docs/file-formats.md has the fields of all JSON.

// Texts as JSON of schema "sinkscope.scan/4", as `scan --json` writes it. Equal texts stand there once.
//
// texts       at least one; of one model, measured in one way, judged by the same thresholds
// other_runs  runs that are no sinks are listed too
// throws      Error{kUsage} if the texts are not such
std::string scan_json(std::span<const ScannedText> texts, bool other_runs = false);
// The primary of one text as the same JSON has it: an object, or "null".
std::string primary_json(const ScannedText& text);
// Texts as the page of `report`: HTML that needs nothing else.
//
// max_bytes  where a page with maps is larger, there are none in it
// throws     as scan_json
std::string report_page(std::span<const ScannedText> texts, std::size_t max_bytes);

// Levels as JSON of schema "sinkscope.levels/3". See Results::levels and levels_of.
std::string levels_json(const Results& results, const LevelOptions& options, const Thresholds& thresholds,
                        std::span<const SinkKind> kinds);
std::string levels_json(std::span<const ScannedText> texts, const LevelOptions& options,
                        std::span<const SinkKind> kinds);
// What `explain` found, as JSON of schema "sinkscope.explain/1"; nothing if the file was not explained.
std::optional<std::string> explanation_json(const Results& results, const Thresholds& thresholds);
// What Scanner::explain returned, for the request that it was given.
std::string explanation_json(const Results& results, const Explanation& explanation, ExplainRequest request);
// What `ablate` found, as JSON of schema "sinkscope.ablate/1".
//
// results  the file that it was found of
std::string ablation_json(const Results& results, const AblatedResults& ablated);
// What `protect` found, as JSON of schema "sinkscope.protect/1".
//
// results  the file that it was found of
std::string protection_json(const Results& results, const ProtectedResults& found);

}  // namespace sinkscope
