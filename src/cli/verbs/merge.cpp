#include "store/merge.h"

#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "api/program_run.h"
#include "base/thread_limits.h"
#include "cli/outputs.h"
#include "cli/verbs/verb.h"
#include "cli/version.h"

namespace sinkscope {
namespace {

struct MergeOptions {
  std::vector<std::string> files;
  std::string output;
};

ExitCode merge(const MergeOptions& options) {
  const MergeSummary summary =
      merge_results(options.files, options.output, present_program_run(command_line(), "", default_threads()));
  std::cout << fmt::format("{}: {} documents, {} tokens; {} that several files hold are kept once\n", options.output,
                           summary.documents, summary.tokens, summary.repeated);
  return ExitCode::kDone;
}

}  // namespace

void register_merge(CLI::App& program, Action& action) {
  const auto options = std::make_shared<MergeOptions>();
  CLI::App& verb = add_verb(
      program, action, "merge", "Merge results files of one model into a new one",
      "So a corpus can be split over any number of machines. The files must be of the same model, tokenisation and "
      "measurement options; thresholds may differ, since candidate runs are stored. In which order files are merged, "
      "and "
      "in how many steps, changes nothing: documents are ordered by their first origin (file, line, chunk, name), then "
      "by "
      "key. A document that several files hold is kept once, with all its origins; if its measurements differ, the one "
      "whose bytes come first. Imported records merge with imported ones only.",
      {{"sinkscope merge a.scan.db b.scan.db -o all.scan.db", "two parts of a corpus"}},
      [options] { return merge(*options); });
  verb.add_option("FILE", options->files, "Results files")->required()->type_name("FILE");
  add_resumed_option(verb, "-o,--output", options->output, "Results file to make; there must be none of that name")
      ->required();
}

}  // namespace sinkscope
