#pragma once

#include <optional>
#include <string>

#include "cli/exit_code.h"
#include "cli/options/input_options.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"
#include "probe/model.h"
#include "store/scan_file.h"

namespace sinkscope {

// What `sinkscope scan` is asked for.
struct ScanVerbOptions {
  InputOptions input;
  ModelOptions model;
  RuleOptions rule;
  int min_distance = 64;
  int parallel = 1;
  bool paper_final_norm = false;
  std::string results, json, profiles, keep;
  bool quiet = false;
};

// Whether a scan by this model would go on with the results file that is there; nothing is changed.
//
// returns  the file, open for reading; nothing if there is none yet
// throws   as ScanFile::open_or_create
std::optional<ScanFile> resumable_results(const ScanVerbOptions& options, const Model& model, const std::string& sha256);

// `sinkscope scan` itself, for verbs that end with a scan.
ExitCode run_scan_verb(const ScanVerbOptions& options);

}  // namespace sinkscope
