#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/options.h"

namespace sinkscope {

// Which rule is applied with which thresholds, and how its results are shown.
struct RuleOptions {
  std::string rule;  // empty: as the file was scanned
  Thresholds thresholds;
  std::optional<int> paper_positions;
  bool other_runs = false;

  // Options that say something to one of the rules only.
  struct OfOneRule {
    const CLI::Option* option;
    Rule rule;
  };
  std::vector<OfOneRule> of_one_rule;

  ReportOptions report_options() const;
};

// The options that ask for these thresholds, each with a blank before it: nothing where all are the defaults.
std::string options_of(const Thresholds& thresholds);

// Says that a file was scanned for the paper's rule, where a verb judges by the evidence rule all the same.
//
// path  of the file
void note_other_rule(const ScanFile& file, const std::string& path);

// Both rules, for verbs that can apply either.
void add_rule_options(CLI::App& verb, RuleOptions& options);
// Whether every option that the command line names says something.
//
// applied  the rules by which is judged: of each file its own
// throws   Error{kUsage} for an option of a rule that is not applied
void check_rule_options(const RuleOptions& options, std::span<const Rule> applied);
// The evidence rule's thresholds only, for verbs that are about it.
void add_threshold_options(CLI::App& verb, RuleOptions& options);

}  // namespace sinkscope
