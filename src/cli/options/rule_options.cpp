#include "cli/options/rule_options.h"

#include "cli/verbs/verb.h"

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
  Thresholds& thresholds = options.thresholds;
  std::string group = "Rule";
  const auto add_number = [&](const char* name, float& target, double least, double most, const char* description) {
    verb.add_option(name, target, description)->type_name("X")->check(number(least, most))->group(group);
  };
  const auto add_count = [&](const char* name, int& target, int least, int most, const char* description) {
    verb.add_option(name, target, description)->type_name("N")->check(whole_number(least, most))->group(group);
  };
  add_choice(verb, "--rule", options.rule, {"evidence", "paper"},
             "evidence: direction, norm and attention together; paper: the authors' code, direction alone")
      ->group(group);
  add_number("--min-alignment", thresholds.min_alignment, -1, 1, "Cosine with the primary's state, at least");
  add_number("--min-norm-ratio", thresholds.min_norm_ratio, 0, 1e6, "Norm over that of ordinary tokens, at least");
  add_number("--min-far-boost", thresholds.min_far_boost, 0, 1e6,
             "Attention from far queries over what uniform attention would give, at least");
  verb.add_option("--paper-positions", options.paper.positions, "Among how many first positions the paper's rule looks")
      ->type_name("2|3")
      ->check(whole_number(2, 3))
      ->group(group);
  verb.add_flag("--other-runs", options.other_runs, "JSON lists the runs that are no sinks as well")->group(group);

  group = "Rule, in detail";
  add_number("--birth-cosine", thresholds.birth_cosine, -1, 1,
             "The primary is born where its direction comes so close to that of its middle layer");
  add_count("--birth-slack", thresholds.birth_slack, 0, 1000,
            "A run that starts at most so many layers after the birth is primary_like");
  add_count("--min-layers", thresholds.min_layers, 1, 1000, "Layers of a run that is a sink, at least");
  add_number("--min-block-frac", thresholds.min_block_frac, 0, 1,
             "Share of the blocks reading a run that must pass --min-far-boost");
  add_count("--early-blocks", thresholds.early_blocks, 1, 1000, "Of the first so many of these blocks ...");
  add_count("--min-early-blocks", thresholds.min_early_blocks, 0, 1000,
            "... so many must pass, or all if there are fewer");
  add_number("--min-lifetime-boost", thresholds.min_lifetime_boost, 0, 1e6,
             "The attention lifetime counts blocks with at least this far boost");
  add_count("--censor-layers", thresholds.censor_layers, 0, 1000,
            "A run that ends so close to the primary's end, or the network's, might have lasted longer");
  add_number("--unaligned-far-boost", thresholds.unaligned_far_boost, 0, 1e6,
             "Far boost of an unaligned sink, at least");
  add_number("--unaligned-max-alignment", thresholds.unaligned_max_alignment, -1, 1,
             "Read and centred alignment of an unaligned sink, below this");
  add_number("--unaligned-norm-ratio", thresholds.unaligned_norm_ratio, 0, 1e6,
             "Norm ratio of an unaligned sink, at least");
  add_count("--unaligned-blocks", thresholds.unaligned_blocks, 1, 1000,
            "Consecutive blocks of an unaligned sink, at least");
  add_number("--drain-value-ratio", thresholds.drain_value_ratio, 0, 1e6,
             "A sink drains up to this value norm over the median, and broadcasts above");
}

}  // namespace sinkscope
