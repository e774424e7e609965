#include "cli/rule_options.h"

#include "cli/verb.h"

namespace sinkscope {

ReportOptions RuleOptions::report_options() const {
  ReportOptions options;
  options.rule = rule == "paper" ? Rule::kPaper : Rule::kEvidence;
  options.thresholds = thresholds;
  options.paper = paper;
  options.other_runs = other_runs;
  return options;
}

void add_rule_options(CLI::App& verb, RuleOptions& options) {
  const std::string group = "Rule";
  add_choice(verb, "--rule", options.rule, {"evidence", "paper"},
             "evidence: direction, norm and attention together; paper: the authors' code, direction alone")
      ->group(group);
  verb.add_option("--min-alignment", options.thresholds.min_alignment, "Cosine with the primary's state, at least")
      ->type_name("X")
      ->check(number(-1.0, 1.0))
      ->group(group);
  verb.add_option("--min-norm-ratio", options.thresholds.min_norm_ratio, "Norm over that of ordinary tokens, at least")
      ->type_name("X")
      ->check(number(0.0, 1e6))
      ->group(group);
  verb.add_option("--min-far-boost", options.thresholds.min_far_boost,
                  "Attention from far queries over what uniform attention would give, at least")
      ->type_name("X")
      ->check(number(0.0, 1e6))
      ->group(group);
  verb.add_option("--paper-positions", options.paper.positions, "Among how many first positions the paper's rule looks")
      ->type_name("2|3")
      ->check(whole_number(2, 3))
      ->group(group);
  verb.add_flag("--other-runs", options.other_runs, "JSON lists the runs that are no sinks as well")->group(group);
}

}  // namespace sinkscope
