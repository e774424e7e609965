#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/options/model_options.h"
#include "engine/llama/model.h"
#include "store/scan_file.h"

namespace sinkscope {

// The results file of a scan, open for what another pass of the same model over its texts adds to it.
//
// throws  Error{kInput} if the model is not the one that was scanned, or the scan was made for the paper's rule; as ScanFile::open_or_create
ScanFile open_scanned(const std::string& results, const ModelOptions& model);

// That model as it was deployed when it was scanned, with room for the longest of the texts unless a context was asked
// for.
//
// throws  Error{kInput} if other caches or adapters are asked for, or an adapter lacks; as load_model
std::unique_ptr<Model> load_for_scanned(const std::string& path, const ScanFile& results, ModelOptions options);

// Refuses options under which figures would not be those of the scan: precision, micro-batches. load_for_scanned sees to
// caches and adapters.
//
// results  the file's path, for the message
// throws   Error{kInput} if one of them is another
void check_measured_alike(const std::string& results, const ScanFile& file, const ModelOptions& options,
                          const Model& model);

using TellProgress = std::function<void(std::int64_t done, std::int64_t total, const std::string& what)>;

// Tells how far another pass over the texts is, a line each time; empty where nobody reads it.
TellProgress progress_notes(bool quiet);

// Another pass over the texts of a results file, which keeps there what it has measured of a sequence.
class KeptPass {
 public:
  // results  the file's path, for the message
  explicit KeptPass(std::string results) : results_(std::move(results)) {}
  KeptPass(const KeptPass&) = delete;
  KeptPass& operator=(const KeptPass&) = delete;

  // Hands on what it is told, which must begin with how many "sequences" are kept. The pass must outlive it.
  TellProgress watch(TellProgress tell);
  // Does the pass.
  //
  // throws  Error{kInterrupted} that says how much is kept, and that the same command goes on; whatever `work` threw
  void run(const std::function<void()>& work);

 private:
  std::string kept() const;

  std::string results_;
  std::optional<std::int64_t> n_kept_;
  std::int64_t n_sequences_ = 0;
  bool has_edited_ = false;
};

}  // namespace sinkscope
