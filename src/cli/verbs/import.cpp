#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/authors_records.h"
#include "cli/outputs.h"
#include "cli/skip_log.h"
#include "cli/verbs/verb.h"
#include "store/import_file.h"

namespace sinkscope {
namespace {

struct ImportOptions {
  std::string records;
  std::string output;
  ImportedModel model;
  bool quiet = false;
};

ExitCode import_records(const ImportOptions& options) {
  SkipLog skipped(options.quiet);
  const auto documents =
      read_authors_records(options.records, options.model.n_layers, [&](const SkippedInput& line) { skipped(line); });
  ImportFile::write(options.output, options.model, documents);
  std::int64_t n_sinks = 0, n_tokens = 0;
  for (const ImportedDocument& document : documents) {
    n_sinks += static_cast<std::int64_t>(document.sinks.size());
    n_tokens += document.n_tokens;
  }
  std::cout << fmt::format("{}: {} documents, {} tokens, {} sinks\n", options.output, documents.size(), n_tokens,
                           n_sinks);
  skipped.summarise();
  return skipped.empty() ? ExitCode::kDone : ExitCode::kSomeSkipped;
}

}  // namespace

void register_import(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App& verb = add_verb(
      program, action, "import", "Import sinks that the paper's authors recorded",
      "Reads the JSONL that their programs write: an object a line, with candidate_sinks by position (layer, token_id, "
      "sink_type), sample_index, prompt_len, response_len and full_text_len; other members are ignored. The results "
      "file "
      "holds layers, labels and lengths, for `sinkscope levels` and `sinkscope merge`; there is nothing to apply "
      "thresholds to. A line that is no record is skipped and named.",
      {{"sinkscope import records.jsonl --layers 48 -o r1.scan.db", "then: sinkscope levels r1.scan.db"}},
      [options] { return import_records(*options); });
  verb.add_option("RECORDS", options->records, "JSONL file; - is standard input")->required()->type_name("FILE");
  verb.add_option("--layers", options->model.n_layers, "Layers of the model that was recorded")
      ->required()
      ->type_name("N")
      ->check(whole_number(1, 65535))
      ->group("Input");
  verb.add_option("--model-name", options->model.name, "What the model is called in reports")
      ->type_name("NAME")
      ->group("Input");
  add_resumed_option(verb, "-o,--output", options->output, "Results file to make; there must be none of that name")
      ->required();
  verb.add_flag("-q,--quiet", options->quiet, "No notes on standard error; errors only")->group("Output");
}

}  // namespace sinkscope
