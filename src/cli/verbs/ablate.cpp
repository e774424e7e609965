#include "impact/ablate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/whole_file.h"
#include "cli/interrupt.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"
#include "cli/scanned_again.h"
#include "cli/verbs/verb.h"
#include "engine/llama/model.h"
#include "impact/judge_ablation.h"
#include "impact/sink_list.h"
#include "report/data/ablate_json.h"
#include "report/data/output_file.h"
#include "report/text/ablate_terminal.h"
#include "store/ablated_file.h"
#include "store/ablation_rows.h"
#include "store/scan_file.h"
#include "text/bounded_json.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMostSinkListBytes = std::size_t{64} << 20;

struct AblateVerbOptions {
  ModelOptions model;
  RuleOptions rule;
  std::string results, json;
  std::vector<std::string> how = {"knockout"};
  std::string layers, sinks = "nonprimary";
  int draws = AblateRequest{}.n_draws;
  std::uint64_t seed = 1;
  std::optional<std::int64_t> documents;
  double score_margin = AblateRequest{}.score_margin, log_odds_margin = AblateRequest{}.log_odds_margin;
  double token_margin = AblateRequest{}.token_margin;
  bool no_loss = false;
  bool quiet = false;
};

std::map<std::string, NamedSinks> read_sinks(const std::string& path, const ScanFile& file) {
  const FileBytes read = read_whole_file(path, kMostSinkListBytes);
  if (!read.problem.empty()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--sinks: expected nonprimary, secondary, primary_like, unaligned, primary or a file, got "
                            "'{}', which cannot be read: {}",
                            path, read.problem));
  }
  std::string only_key;
  if (file.n_documents() == 1) only_key = file.document(0).key;
  try {
    return named_sinks_from(parse_bounded_json(read.bytes), only_key);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("'{}': {}", path, error.what()));
  }
}

AblateRequest request_of(const AblateVerbOptions& options, const ScanFile& file, KeptPass& pass) {
  AblateRequest request;
  std::optional<EditedLayers> layers;
  if (!options.layers.empty()) layers = options.layers == "first" ? EditedLayers::kFirst : EditedLayers::kRun;
  request.edits = edits_from(options.how, layers);
  if (const auto selection = sink_selection_named(options.sinks)) {
    request.selection = *selection;
  } else {
    request.named = read_sinks(options.sinks, file);
  }
  request.thresholds = options.rule.thresholds;
  request.n_draws = options.draws;
  request.seed = options.seed;
  request.max_documents = options.documents;
  request.loss = !options.no_loss;
  request.token_margin = options.token_margin;
  request.score_margin = options.score_margin;
  request.log_odds_margin = options.log_odds_margin;
  request.run.min_distance = file.options().min_distance;
  request.run.should_stop = interrupted;
  request.on_progress = pass.watch(progress_notes(options.quiet));
  return request;
}

ExitCode run_ablate(const AblateVerbOptions& options) {
  const ScanFile file = open_scanned(options.results, options.model);
  KeptPass pass(options.results);
  const AblateRequest request = request_of(options, file, pass);
  const std::unique_ptr<Model> model = load_for_scanned(options.results, file, options.model);
  check_measured_alike(options.results, file, options.model, *model);
  const LoadToAblate load = [&](std::int64_t ordinal) {
    return sequence_to_ablate(file.document(ordinal), request.thresholds);
  };
  AblationRows rows(file);
  Ablation ablation;
  pass.run([&] { ablation = ablate(*model, file.n_documents(), load, request, rows); });
  const JudgedAblation judged = judge_ablation(ablation, request);
  if (!options.json.empty()) {
    write_output(options.json,
                 [&](std::ostream& out) { write_ablate_json(file.model(), ablation, judged, request, out); });
    if (options.json == "-") return ExitCode::kDone;
  }
  write_ablate_terminal(ablation, judged, TerminalStyle::of(STDOUT_FILENO), std::cout);
  return ExitCode::kDone;
}

}  // namespace

void register_ablate(CLI::App& program, Action& action) {
  const auto options = std::make_shared<AblateVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "ablate", "Take sinks away, and say what that does to the primary",
      "Runs the texts of a results file again, once as they are and once without their sinks, and says by block what "
      "becomes of the primary's attention: how much of the change is the removed keys' share of the softmax alone, and "
      "how much lies beyond it. Ordinary tokens nearby, removed in the same way, are the placebo. Tokens that become "
      "sinks in the removed ones' place are counted, with what they draw. The unit is the document: 8 of them are "
      "needed "
      "for a verdict. What later tokens' predictions lose is measured too.",
      {{"sinkscope ablate -m model.gguf out.scan.db", "later tokens do not see the sinks"},
       {"sinkscope ablate -m model.gguf out.scan.db --how evict:64 --how unwrite --json effects.json",
        "a cache that drops them; writes undone"},
       {"sinkscope ablate -m model.gguf out.scan.db --sinks primary", "what takes the primary's place"}},
      [options] { return run_ablate(*options); });
  add_model_options(verb, options->model);
  add_lora_option(verb, options->model);
  verb.add_option("FILE", options->results, "A results file of this model, written by scan -o")
      ->required()
      ->type_name("FILE");
  verb.add_option("--how", options->how,
                  "How: knockout (later tokens do not see it, in blocks after its state begins), evict:D (nor tokens D "
                  "positions later, in every block), unwrite (MLPs write along the sink axis what they write into "
                  "ordinary tokens), scale:F (that, in part), clip:NORM (writes are shortened). May be given again")
      ->allow_extra_args(false)
      ->type_name("HOW")
      ->group("Ablate");
  add_choice(verb, "--layers", options->layers, {"run", "first"},
             "Layers in which writes are edited: all of a sink's, or its first. By default run, for clip first")
      ->group("Ablate");
  verb.add_option("--sinks", options->sinks,
                  "Which sinks are removed: nonprimary, secondary, primary_like, unaligned, primary; or a file of JSON "
                  "that names them: {\"sequences\":[{\"document\":KEY,\"sinks\":[{\"position\":224,\"l_start\":4,"
                  "\"l_end\":15}],\"placebo\":[[230],[228]]}]}")
      ->type_name("FILE|KIND")
      ->group("Ablate");
  verb.add_option("--draws", options->draws, "Placebo draws of each document")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->group("Ablate");
  verb.add_option("--documents", options->documents, "Documents that are run, at most; the first that have such sinks")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000'000))
      ->group("Ablate");
  verb.add_flag("--no-loss", options->no_loss,
                "Predictions are not compared: without the product with the vocabulary it takes less time")
      ->group("Ablate");
  verb.add_option("--token-margin", options->token_margin, "Nats of loss and KL within it are nothing")
      ->type_name("X")
      ->check(number(0, 100))
      ->group("Ablate");
  verb.add_option("--score-margin", options->score_margin, "Changes of the primary's score within it are none")
      ->type_name("X")
      ->check(number(0, 1))
      ->group("Ablate");
  verb.add_option("--log-odds-margin", options->log_odds_margin, "Changes of its log odds within it are none")
      ->type_name("X")
      ->check(number(0, 100))
      ->group("Ablate");
  verb.add_option("--seed", options->seed, "Of placebo draws, resamples and sign flips")
      ->type_name("N")
      ->group("Ablate");
  verb.add_flag("-q,--quiet", options->quiet, "No progress")->group("Output");
  add_threshold_options(verb, options->rule);
  add_json_option(verb, options->json, MadeKind::kAblate);
}

}  // namespace sinkscope
