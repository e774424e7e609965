#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "report/options.h"

namespace sinkscope {

// Which rule is applied with which thresholds, and how its results are shown.
struct RuleOptions {
  std::string rule = "evidence";
  Thresholds thresholds;
  PaperOptions paper;
  bool other_runs = false;

  ReportOptions report_options() const;
};

void add_rule_options(CLI::App& verb, RuleOptions& options);

}  // namespace sinkscope
