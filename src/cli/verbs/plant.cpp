#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/display_text.h"
#include "base/error.h"
#include "cli/input_sequences.h"
#include "cli/interrupt.h"
#include "cli/options/input_options.h"
#include "cli/options/model_options.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/verbs/verb.h"
#include "engine/llama/model.h"
#include "engine/llama/vocabulary.h"
#include "plant/planter.h"
#include "plant/sink_spec.h"
#include "report/data/output_file.h"
#include "report/text/validation_text.h"

namespace sinkscope {
namespace {

// With fewer, a regression learns the contexts of a word more than the word: docs/planted-truth.md.
constexpr int kManyPlaces = 30;

struct PlantVerbOptions {
  ModelOptions model;
  InputOptions input;
  std::vector<std::string> sinks;
  std::string direction = "axis", norms, type = "f32", output, json;
  std::uint64_t seed = 1;
  double ridge = PlantOptions{}.ridge;
  bool in_context = false, quiet = false;
};

TokenId token_of(const SinkSpec& spec, const Vocabulary& vocabulary) {
  if (spec.id) {
    if (*spec.id >= vocabulary.facts().n_vocab) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("id {}: expected a token below {}", *spec.id, vocabulary.facts().n_vocab));
    }
    return *spec.id;
  }
  const auto tokens = vocabulary.tokenize(spec.token, false);
  if (tokens.size() == 1) return tokens.front();
  std::string pieces;
  for (const TokenId token : tokens)
    pieces += fmt::format(" '{}' ({})", clip_token(vocabulary.token_bytes(token)), token);
  throw Error(ErrorCode::kUsage,
              fmt::format("token '{}': expected one token of the model; it makes {}:{}; words inside a "
                          "text mostly begin with a blank, or give id=NUMBER",
                          spec.token, tokens.size(), pieces));
}

std::vector<SinkRequest> requests_of(const PlantVerbOptions& options, const Vocabulary& vocabulary) {
  std::vector<SinkRequest> requests;
  if (options.sinks.empty()) return requests;
  const std::vector<double> ladder = options.norms.empty() ? std::vector<double>{} : parse_norm_ladder(options.norms);
  if (!ladder.empty() && ladder.size() != options.sinks.size()) {
    throw Error(ErrorCode::kUsage, fmt::format("--norms: expected as many norms as sinks; got {} and {}", ladder.size(),
                                               options.sinks.size()));
  }
  for (std::size_t i = 0; i < options.sinks.size(); ++i) {
    const SinkSpec spec = parse_sink_spec(options.sinks[i]);
    if (spec.norm.has_value() == !ladder.empty()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("sink \"{}\": expected its norm either there or by --norms", options.sinks[i]));
    }
    SinkRequest request;
    request.layer = spec.layer;
    request.token = token_of(spec, vocabulary);
    request.norm = spec.norm ? *spec.norm : ladder[i];
    request.direction = parse_direction(spec.direction.value_or(options.direction));
    requests.push_back(std::move(request));
  }
  return requests;
}

ExitCode plant(const PlantVerbOptions& options) {
  const ModelFile file = open_model_file(options.model.path);
  const auto vocabulary = load_vocabulary(file);
  PlantOptions plan;
  plan.sinks = requests_of(options, *vocabulary);
  plan.in_context = options.in_context;
  plan.seed = options.seed;
  plan.ridge = options.ridge;
  plan.half = options.type == "f16";
  plan.should_stop = interrupted;
  Sequences calibration;
  if (!plan.sinks.empty())
    calibration = read_sequences(options.input, *vocabulary, longest_sequence(options.model, file));
  if (!options.quiet) note("planting: two passes over the calibration text");
  // What is planted in a model leaves its vocabulary as it is.
  const auto load = [&](const std::string& path) {
    return load_model(ModelFile(path), load_options(options.model), vocabulary);
  };
  const PlantTruth truth = plant_sinks(options.model.path, options.output, load, calibration, plan);
  write_truth(truth, truth_path_of(options.output));
  if (!options.json.empty()) write_output(options.json, [&](std::ostream& out) { out << to_json(truth); });
  if (options.json != "-") write_planted(truth, TerminalStyle::of(STDOUT_FILENO), std::cout);
  for (const PlantedSink& sink : truth.sinks) {
    if (options.quiet || sink.count >= kManyPlaces) continue;
    note(
        fmt::format("'{}' has {} places in the calibration text: in another text it may get less of the norm, and "
                    "similar words some of it; {} places or more make that rarer",
                    displayable(sink.token_text), sink.count, kManyPlaces));
  }
  if (!options.quiet) note(fmt::format("wrote {} and {}", options.output, truth_path_of(options.output)));
  return ExitCode::kDone;
}

}  // namespace

void register_plant(CLI::App& program, Action& action) {
  const auto options = std::make_shared<PlantVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "plant", "Plant sinks in a copy of a model, as a known truth to test against",
      "Overwrites one neuron of a layer's MLP for each sink: it fires for the token and writes a vector of the norm "
      "asked for along the primary sink's direction. A regression over the calibration text (the input) finds what the "
      "neuron looks for; the text must hold each token at least five times. All other tensors are copied byte for "
      "byte. "
      "Beside OUT.gguf stands OUT.truth.json, with what was planted and what the planted model shows of it.",
      {{"sinkscope plant -m model.gguf -f calibration.txt --sink \"layer=14,token=' time',norm=4000\" -o planted.gguf",
        "wherever ' time' stands, a secondary sink is born in layer 14"},
       {"sinkscope plant -m model.gguf -f calibration.txt --sink \"layer=14,token=' time'\" --sink \"layer=14,token=' "
        "house'\" --norms 600:4000:2 -o planted.gguf",
        "a ladder of norms over several tokens"}},
      [options] { return plant(*options); });
  add_model_options(verb, options->model);
  add_input_options(verb, options->input);
  const std::string group = "Planting";
  verb.add_option(
          "--sink", options->sinks,
          "\"layer=L,token='TEXT',norm=X\", with id=N for token= and direction=NAME where wanted. May be given again")
      ->type_name("SINK")
      ->allow_extra_args(false)
      ->group(group);
  verb.add_option(
          "--direction", options->direction,
          "axis, opposite, orthogonal, permuted, channel, no-channels, token:ID, mean, or a file with a JSON array")
      ->type_name("NAME|FILE")
      ->group(group);
  verb.add_option("--norms", options->norms, "Norms for the sinks in order, each the same factor above the one before")
      ->type_name("LEAST:MOST:COUNT")
      ->group(group);
  verb.add_flag("--in-context", options->in_context,
                "Only after some of the tokens that precede it, so that the same token elsewhere is a control")
      ->group(group);
  verb.add_option("--seed", options->seed, "Of random directions")->type_name("N")->group(group);
  verb.add_option("--ridge", options->ridge, "Of the regression, relative to the mean square of an input channel")
      ->type_name("X")
      ->check(number(1e-12, 1e6))
      ->group(group);
  add_choice(verb, "--type", options->type, {"f32", "f16"}, "What the changed matrices are written as")->group(group);
  add_output_option(verb, "-o,--output", options->output, "OUT.gguf", MadeKind::kPlantedModel, "The planted model")
      ->required();
  add_derived_output(verb, MadeKind::kTruth,
                     [options] { return options->output.empty() ? "" : truth_path_of(options->output); });
  add_json_option(verb, options->json, MadeKind::kTruth);
  verb.add_flag("-q,--quiet", options->quiet, "No notes on standard error; errors only")->group("Output");
}

}  // namespace sinkscope
