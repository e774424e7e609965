#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/error.h"
#include "cli/options/rule_options.h"
#include "cli/progress.h"
#include "cli/verbs/verb.h"
#include "report/compared_scans.h"
#include "report/data/diff_json.h"
#include "report/data/output_file.h"
#include "report/text/diff_terminal.h"

namespace sinkscope {
namespace {

struct DiffOptions {
  std::string before, after;
  std::optional<double> min_jaccard;
  std::uint64_t seed = 1;
  RuleOptions rule;
  std::string json;
};

// returns  whether the floor that was asked for is kept; says so if not
bool keeps_floor(const Comparison& comparison, const std::optional<double>& floor) {
  if (!floor || (comparison.jaccard && *comparison.jaccard >= *floor)) return true;
  if (!comparison.jaccard) {
    note(fmt::format("--min-jaccard {}: not defined, since neither scan has sinks beside the primary", *floor));
  } else {
    note(fmt::format("--min-jaccard {}: got {:.3f}", *floor, *comparison.jaccard));
  }
  return false;
}

ExitCode diff(const DiffOptions& options) {
  const ScanFile before = ScanFile::open(options.before), after = ScanFile::open(options.after);
  note_other_rule(before, options.before);
  note_other_rule(after, options.after);
  const ComparedScans scans = compare_scans(before, options.before, after, options.after, options.rule.report_options(),
                                            options.seed);
  if (!options.json.empty()) {
    write_output(options.json, [&](std::ostream& out) { write_diff_json(scans, options.rule.thresholds, out); });
  }
  if (options.json != "-") write_diff_terminal(scans, TerminalStyle::of(STDOUT_FILENO), std::cout);
  return keeps_floor(scans.comparison, options.min_jaccard) ? ExitCode::kDone : ExitCode::kFloorMissed;
}

}  // namespace

void register_diff(CLI::App& program, Action& action) {
  const auto options = std::make_shared<DiffOptions>();
  CLI::App& verb = add_verb(
      program, action, "diff", "Compare two scans of the same texts: sinks kept, moved, lost and gained",
      "For two quantisations, checkpoints, fine-tunes or settings of one model. Texts are told by their token ids, sinks by "
      "their positions; sinks of one position are paired by the layers that they share. Needs no model: both files are "
      "judged again, by the same thresholds.\n\n"
      "Refused are scans with other numbers of layers or another --min-distance, and texts whose tokens differ.",
      {{"sinkscope diff f16.scan.db q4.scan.db", "what quantising did"},
       {"sinkscope diff base.scan.db tuned.scan.db --json - | jq .jaccard", "as JSON, for other programs"},
       {"sinkscope diff base.scan.db tuned.scan.db --min-jaccard 0.9", "exit code 6 if fewer sinks are in both"}},
      [options] { return diff(*options); });
  verb.add_option("BEFORE", options->before, "Results file of scan or merge")->required()->type_name("FILE");
  verb.add_option("AFTER", options->after, "Another one of the same texts")->required()->type_name("FILE");
  verb.add_option("--min-jaccard", options->min_jaccard,
                  "Tokens that are sinks in both, of those that are in either, at least; else exit code 6")
      ->type_name("X")
      ->check(number(0.0, 1.0));
  verb.add_option("--seed", options->seed, "Of the bootstraps")->type_name("N");
  add_threshold_options(verb, options->rule);
  add_json_option(verb, options->json, MadeKind::kDiff);
}

}  // namespace sinkscope
