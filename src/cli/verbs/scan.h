#pragma once

#include <string>

#include "cli/exit_code.h"
#include "cli/options/input_options.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"

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
  bool must_judge = true;  // code 5 if every text is too short to be judged
};

// `sinkscope scan` itself, for verbs that end with a scan.
ExitCode run_scan_verb(const ScanVerbOptions& options);

}  // namespace sinkscope
