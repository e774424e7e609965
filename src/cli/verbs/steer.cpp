#include "impact/steer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/error.h"
#include "cli/input_sequences.h"
#include "cli/interrupt.h"
#include "cli/options/input_options.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"
#include "cli/verbs/verb.h"
#include "engine/llama/model.h"
#include "engine/llama/vocabulary.h"
#include "report/data/output_file.h"
#include "report/data/steer_json.h"
#include "report/text/steer_terminal.h"

namespace sinkscope {
namespace {

struct SteerVerbOptions {
  ModelOptions model;
  InputOptions input;
  RuleOptions rule;
  std::vector<std::string> adds, clips;
  std::string json;
  int draws = SteerRequest{}.n_draws;
  std::uint64_t seed = 1;
  bool no_loss = false;
};

SteerRequest request_of(const SteerVerbOptions& options) {
  SteerRequest request;
  for (const std::string& add : options.adds) request.changes.push_back(steer_add_from(add));
  for (const std::string& clip : options.clips) request.changes.push_back(steer_clip_from(clip));
  if (request.changes.empty()) {
    throw Error(ErrorCode::kUsage,
                "steer: expected --add or --clip, got neither; e.g. --add \"layer=14,position=120,norm=4000\"");
  }
  request.thresholds = options.rule.thresholds;
  request.n_draws = options.draws;
  request.seed = options.seed;
  request.loss = !options.no_loss;
  request.run.should_stop = interrupted;
  return request;
}

ExitCode run_steer(const SteerVerbOptions& options) {
  const SteerRequest request = request_of(options);
  const ModelFile file = open_model_file(options.model.path, options.model.deployment.override_kv);
  auto vocabulary = load_vocabulary(file);
  const auto sequences = read_sequences(options.input, *vocabulary, longest_sequence(options.model, file));
  if (sequences.size() != 1) {
    throw Error(ErrorCode::kUsage, fmt::format("steer: expected one text, in which positions are counted; got {}",
                                               sequences.size()));
  }
  ModelOptions sized = options.model;
  if (!sized.n_ctx) sized.n_ctx = static_cast<int>(sequences.front().size());
  const std::unique_ptr<Model> model = load_model(file, load_options(sized), std::move(vocabulary));
  const Steering steering = steer(*model, sequences.front(), request);
  if (!options.json.empty()) {
    write_output(options.json,
                 [&](std::ostream& out) { write_steer_json(model->facts().name, steering, request, out); });
    if (options.json == "-") return ExitCode::kDone;
  }
  write_steer_terminal(steering, TerminalStyle::of(STDOUT_FILENO), std::cout);
  return ExitCode::kDone;
}

}  // namespace

void register_steer(CLI::App& program, Action& action) {
  const auto options = std::make_shared<SteerVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "steer", "Make or shorten a sink by hand, and see what follows",
      "Adds a vector to what an MLP writes into a token, along the primary's state or another direction, or shortens that "
      "write, and runs one text on: far boost of the token in the four blocks behind, what the rule makes of it, the "
      "primary's score, loss and KL of later predictions. The same change at ordinary tokens nearby is the placebo.",
      {{"sinkscope steer -m model.gguf -f text.txt --add \"layer=14,position=120,norm=4000\"", "a sink where none was"},
       {"sinkscope steer -m model.gguf -f text.txt --add \"layer=14,position=120,direction=mean,norm=4000\"",
        "as long a write along what ordinary tokens share: a control"},
       {"sinkscope steer -m model.gguf -f text.txt --clip \"layer=5,position=17,norm=50\"", "a sink's write, shortened"}},
      [options] { return run_steer(*options); });
  add_model_options(verb, options->model);
  add_deployment_options(verb, options->model);
  add_input_options(verb, options->input);
  verb.add_option("--add", options->adds,
                  "\"layer=L,position=T,direction=D,norm=X\": X times a unit vector is added to the write. D: axis (the "
                  "primary's state there; the default), opposite, orthogonal, permuted, channel, no-channels, mean, "
                  "token:ID, or a JSON file of numbers. Positions count from 0, BOS among them. May be given again")
      ->allow_extra_args(false)
      ->type_name("SPEC")
      ->group("Steer");
  verb.add_option("--clip", options->clips,
                  "\"layer=L,position=T,norm=X\": the write is shortened to X where it is longer. May be given again")
      ->allow_extra_args(false)
      ->type_name("SPEC")
      ->group("Steer");
  verb.add_option("--draws", options->draws, "Placebo draws")->type_name("N")->check(whole_number(0, 1000))->group("Steer");
  verb.add_flag("--no-loss", options->no_loss,
                "Predictions are not compared: without the product with the vocabulary it takes less time")
      ->group("Steer");
  verb.add_option("--seed", options->seed, "Of placebo draws and random directions")->type_name("N")->group("Steer");
  add_threshold_options(verb, options->rule);
  add_json_option(verb, options->json, MadeKind::kSteer);
}

}  // namespace sinkscope
