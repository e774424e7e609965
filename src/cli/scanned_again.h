#pragma once

#include <memory>
#include <string>

#include "cli/options/model_options.h"
#include "engine/llama/model.h"
#include "store/scan_file.h"

namespace sinkscope {

// The results file of a scan, open for what another pass of the same model over its texts adds to it.
//
// throws  Error{kInput} if the model is not the one that was scanned; as ScanFile::open and open_or_create
ScanFile open_scanned(const std::string& results, const ModelOptions& model);

// That model as it was deployed when it was scanned, with room for the longest of the texts unless a context was asked
// for.
//
// throws  Error{kInput} if other caches or adapters are asked for, or an adapter lacks; as load_model
std::unique_ptr<Model> load_for_scanned(const std::string& path, const ScanFile& results, ModelOptions options);

}  // namespace sinkscope
