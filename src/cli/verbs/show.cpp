#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/options/rule_options.h"
#include "cli/shown_results.h"
#include "cli/verbs/verb.h"
#include "report/text/explain_terminal.h"
#include "store/explained_file.h"

namespace sinkscope {
namespace {

struct ShowOptions {
  std::string file;
  std::string json;
  RuleOptions rule;
  bool all = false;
};

ExitCode show(const ShowOptions& options) {
  const ScanFile file = ScanFile::open(options.file);
  const ReportOptions report = options.rule.report_options();
  check_rule_options(options.rule, {{rule_of(file, report)}});
  check_answerable(file, report);
  TerminalStyle style = TerminalStyle::of(STDOUT_FILENO);
  if (options.all) style.max_rows = style.max_documents = 0;
  show_results(file, report, options.json, style);
  if (options.json != "-" && rule_of(file, report) == Rule::kEvidence) {
    if (const auto explained = explained_of(file, report.thresholds)) {
      std::cout << '\n';
      write_explain_terminal(
          explained->explanation, [&](TokenId token) { return file.token_bytes(token); }, style, std::cout);
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void register_show(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ShowOptions>();
  CLI::App& verb = add_verb(
      program, action, "show", "Show a results file, under other thresholds if you like",
      "Rules and thresholds are applied to the stored figures, so the model is not needed. Results files keep tokens "
      "down to a floor (alignment 0.7 and norm ratio 1.5, or what the scan was told); below it there is nothing to "
      "show.",
      {{"sinkscope show out.scan.db", "the report that the scan printed, under the default thresholds"},
       {"sinkscope show out.scan.db --min-far-boost 10", "only sinks that draw ten times their share"},
       {"sinkscope show out.scan.db --json - | jq '.sequences[].counts'", "the same as JSON, for other programs"}},
      [options] { return show(*options); });
  verb.add_option("FILE", options->file, "A results file, written by scan -o")->required()->type_name("FILE");
  add_rule_options(verb, options->rule);
  add_json_option(verb, options->json, MadeKind::kScan);
  verb.add_flag("--all", options->all, "Every document and every row")->group("Output");
}

}  // namespace sinkscope
