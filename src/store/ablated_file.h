#pragma once

#include <optional>

#include "impact/ablate.h"
#include "store/records.h"
#include "store/scan_file.h"

namespace sinkscope {

// A document as analyses that run it again take it, judged by the evidence rule. Chunks of one document share a unit.
SequenceToAblate sequence_to_ablate(const StoredDocument& document, const Thresholds& thresholds);

// What ablate measured of a results file.
struct AblatedFile {
  AblateRequest request;  // of sinks that were listed, `named` is there and empty
  Ablation ablation;
};

// Of several commands the last: all edits of the file that have its sinks, draws, seed and thresholds.
//
// returns  nothing if ablate has not seen the file
// throws   Error{kInput} if what is stored is damaged
std::optional<AblatedFile> ablated_of(const ScanFile& file);

}  // namespace sinkscope
