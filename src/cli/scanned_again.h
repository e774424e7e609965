#pragma once

#include <memory>
#include <string>

#include "cli/options/model_options.h"
#include "engine/llama/model.h"
#include "impact/ablation.h"
#include "store/scan_file.h"

namespace sinkscope {

// The results file of a scan, open for what another pass of the same model over its texts adds to it.
//
// throws  Error{kInput} if the model is not the one that was scanned; as ScanFile::open and open_or_create
ScanFile open_scanned(const std::string& results, const ModelOptions& model);

// That model, with room for the longest of the texts unless a context was asked for.
//
// throws  as load_model
std::unique_ptr<Model> load_for_scanned(const ModelFile& file, const ScanFile& results, ModelOptions options);

// Refuses options under which figures would not be those of the scan: precision, micro-batches, type of keys.
//
// results  the file's path, for the message
// throws   Error{kInput} if one of them is another
void check_measured_alike(const std::string& results, const ScanFile& file, const ModelOptions& options,
                          const Model& model);

// A document as analyses that run it again take it, judged by the evidence rule. Chunks of one document share a unit.
SequenceToAblate sequence_to_ablate(const StoredDocument& document, const Thresholds& thresholds);

}  // namespace sinkscope
