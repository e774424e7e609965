#include "formation/explain.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"
#include "cli/progress.h"
#include "cli/scanned_again.h"
#include "cli/verbs/verb.h"
#include "engine/llama/model.h"
#include "report/data/explain_json.h"
#include "report/data/output_file.h"
#include "report/text/explain_terminal.h"
#include "store/explained_file.h"
#include "store/explained_rows.h"
#include "store/scan_file.h"

namespace sinkscope {
namespace {

const std::vector<std::string> kClaims = {"formation", "map", "norm", "primary"};

struct ExplainVerbOptions {
  ModelOptions model;
  RuleOptions rule;
  std::string results, json;
  std::vector<std::string> claims = kClaims;
  std::vector<std::string> kinds = {"secondary", "primary_like"};
  std::vector<int> layers;
  int edit_sinks = ExplainOptions{}.edit_sinks;
  int max_vectors = ExplainOptions{}.max_vectors;
  std::uint64_t seed = 1;
  bool quiet = false;
};

ExplainRequest request_of(const ExplainVerbOptions& options, const ScanFile& file, KeptPass& pass) {
  ExplainRequest request;
  request.options.edit_sinks = options.edit_sinks;
  request.options.max_vectors = options.max_vectors;
  request.options.seed = options.seed;
  request.thresholds = options.rule.thresholds;
  request.kinds.clear();
  for (const SinkKind kind : {SinkKind::kSecondary, SinkKind::kPrimaryLike}) {
    if (std::ranges::find(options.kinds, name_of(kind)) != options.kinds.end()) request.kinds.push_back(kind);
  }
  const auto wanted = [&](const char* claim) {
    return std::ranges::find(options.claims, claim) != options.claims.end();
  };
  request.formation = wanted("formation");
  request.map = wanted("map");
  request.norm = wanted("norm");
  request.primary = wanted("primary");
  request.layers = options.layers;
  request.run.min_distance = file.options().min_distance;
  request.run.should_stop = interrupted;
  TellProgress tell;
  if (!options.quiet && stderr_is_terminal()) {
    tell = [](std::int64_t done, std::int64_t total, const std::string& what) {
      if (done % 10 == 0) note(fmt::format("{}: {} of {}", what, done, total));
    };
  }
  request.on_progress = pass.watch(tell);
  return request;
}

void check_layers(const ExplainVerbOptions& options, int n_layers) {
  for (const int layer : options.layers) {
    if (layer < n_layers) continue;
    throw Error(ErrorCode::kUsage, fmt::format("--layers: expected layers from 0 to {}, got {}", n_layers - 1, layer));
  }
}

ExitCode run_explain(const ExplainVerbOptions& options) {
  const ScanFile file = open_scanned(options.results, options.model);
  check_layers(options, file.model().facts.n_layers);
  if (!file.options().deployment.lora.empty()) {
    throw Error(ErrorCode::kInput, fmt::format("'{}': expected a scan without LoRA adapters, got one with; neurons are "
                                               "read from the model's own weights",
                                               options.results));
  }
  const std::unique_ptr<Model> model = load_for_scanned(options.results, file, options.model);
  ModelWeights weights{GgufFile(options.model.path)};
  KeptPass pass(options.results);
  const ExplainRequest request = request_of(options, file, pass);
  ExplainedRows rows(file);
  if (const auto other = rows.begin(request)) {
    note(fmt::format("{}: explained before with {} = {}, now {}: all is measured again", options.results, other->name,
                     other->expected, other->got));
  }
  const LoadSequence load = documents_to_explain(file, request.thresholds);
  pass.run([&] { measure_explanation(*model, weights, file.n_documents(), load, request, rows); });
  const Explanation explanation = judge_explanation(file.n_documents(), load, request, rows);
  if (!options.json.empty()) {
    write_output(options.json, [&](std::ostream& out) { write_explain_json(file, explanation, request, out); });
    if (options.json == "-") return ExitCode::kDone;
  }
  write_explain_terminal(
      explanation, [&](TokenId token) { return file.token_bytes(token); }, TerminalStyle::of(STDOUT_FILENO), std::cout);
  return ExitCode::kDone;
}

std::function<std::string(const std::string&)> one_of(const std::vector<std::string>& words) {
  return [words](const std::string& word) {
    if (std::ranges::find(words, word) != words.end()) return std::string();
    return fmt::format("expected {}, got '{}'", fmt::join(words, ", "), word);
  };
}

}  // namespace

void register_explain(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ExplainVerbOptions>();
  CLI::App& verb =
      add_verb(program, action, "explain", "Say which writes make a sink, and what its norm decides",
               "Runs the texts of a results file again, measures what each block writes along the primary's direction "
               "into sinks "
               "and into like tokens, takes writes away, and judges the claims: formation (MLPs make the sinks, and "
               "without their "
               "writes the attention is gone), map (they map the sinks' inputs onto that direction, and not any), norm "
               "(it decides the logit gap), primary (it weakens where secondary "
               "sinks begin). "
               "Each verdict comes with its effect, interval, null, and number of sinks and sequences.",
               {{"sinkscope explain -m model.gguf out.scan.db", "all claims"},
                {"sinkscope explain -m model.gguf out.scan.db --claims norm --json explain.json", "one, as JSON too"}},
               [options] { return run_explain(*options); });
  add_model_options(verb, options->model);
  verb.add_option("FILE", options->results, "A results file of this model, written by scan -o")
      ->required()
      ->type_name("FILE");
  verb.add_option("--claims", options->claims, "Which claims are judged")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("CLAIM,...")
      ->check(one_of(kClaims))
      ->group("Explain");
  verb.add_option("--kinds", options->kinds, "Kinds of sinks that are explained")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("KIND,...")
      ->check(one_of({"secondary", "primary_like"}))
      ->group("Explain");
  verb.add_option("--edit-sinks", options->edit_sinks, "Sinks of each kind whose writes are edited")
      ->type_name("N")
      ->check(whole_number(0, 100000))
      ->group("Explain");
  verb.add_option("--layers", options->layers,
                  "Layers whose MLPs are mapped, and behind which the primary may weaken; by default where sinks are "
                  "made and begin")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("L,...")
      ->check(whole_number(0, 10000))
      ->group("Explain");
  verb.add_option("--max-vectors", options->max_vectors, "Inputs of a mapped layer's MLP that are held, at most")
      ->type_name("N")
      ->check(whole_number(64, 1 << 24))
      ->group("Explain");
  verb.add_option("--seed", options->seed, "Of nulls, permutations and bootstraps")->type_name("N")->group("Explain");
  verb.add_flag("-q,--quiet", options->quiet, "No progress")->group("Output");
  add_threshold_options(verb, options->rule);
  add_json_option(verb, options->json, MadeKind::kExplain);
}

}  // namespace sinkscope
