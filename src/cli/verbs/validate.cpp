#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "base/error.h"
#include "cli/input_sequences.h"
#include "cli/interrupt.h"
#include "cli/options/input_options.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"
#include "cli/progress.h"
#include "cli/verbs/verb.h"
#include "engine/llama/model.h"
#include "engine/llama/vocabulary.h"
#include "plant/trial/controls.h"
#include "plant/trial/threshold_grid.h"
#include "plant/trial/validation.h"
#include "plant/trial/write_meter.h"
#include "report/data/output_file.h"
#include "report/data/validation_json.h"
#include "report/text/validation_text.h"

namespace sinkscope {
namespace {

struct ValidateVerbOptions {
  ModelOptions model;
  InputOptions input;
  RuleOptions rule;
  std::string truth, base, json, scratch;
  bool controls = false, grid = false, quiet = false;
  int control_seeds = ControlOptions{}.n_seeds;
  double min_recall = 0.95, min_precision = 0.95, min_exact = 0.95;
  std::optional<double> min_primary_fall;
};

// The floors that were missed, in words.
std::vector<std::string> missed_floors(const Validation& validation, const ControlTable* controls,
                                       const ValidateVerbOptions& options) {
  std::vector<std::string> missed;
  const auto check = [&](const char* what, const std::optional<double>& got, double floor) {
    if (!got) {
      missed.push_back(fmt::format("{}: nothing to measure it on", what));
    } else if (*got < floor) {
      missed.push_back(fmt::format("{}: expected at least {:.3g}, got {:.3g}", what, floor, *got));
    }
  };
  const std::string strong = fmt::format("where {:.0f} times the median norm was written", kStrongRatio);
  check(("recall " + strong).c_str(), validation.strong.recall, options.min_recall);
  check("precision", validation.precision, options.min_precision);
  check(("exact l_start " + strong).c_str(), validation.strong.exact_frac, options.min_exact);
  if (options.min_primary_fall) {
    check("the primary's fall", validation.primary ? std::optional(validation.primary->fall_frac()) : std::nullopt,
          *options.min_primary_fall);
  }
  if (controls != nullptr && !controls->axis_beats_orthogonal.value_or(false)) {
    missed.push_back("controls: expected the axis above the 95th percentile of orthogonal directions");
  }
  return missed;
}

ExitCode validate(const ValidateVerbOptions& options) {
  if (options.min_primary_fall && options.base.empty()) {
    throw Error(ErrorCode::kUsage, "--min-primary-fall compares with the unplanted model: give --base MODEL.gguf");
  }
  const std::string truth_path = options.truth.empty() ? truth_path_of(options.model.path) : options.truth;
  const PlantTruth truth = read_truth(truth_path);
  const ModelFile file = open_model_file(options.model.path);
  const auto vocabulary = load_vocabulary(file);
  const Sequences texts = read_sequences(options.input, *vocabulary, longest_sequence(options.model, file));
  // What is planted in a model leaves its vocabulary as it is.
  const auto load = [&](const std::string& path) {
    return load_model(ModelFile(path), load_options(options.model), vocabulary);
  };
  Validation validation;
  std::optional<ThresholdTrial> trial;
  if (options.grid) trial.emplace(truth, options.rule.thresholds);
  ThresholdTrial* const tried = trial ? &*trial : nullptr;
  {
    const std::unique_ptr<Model> planted = load_model(file, load_options(options.model), vocabulary);
    std::unique_ptr<Model> base;
    if (!options.base.empty()) base = load_model(ModelFile(options.base), load_options(options.model));
    WriteMeter writes(options.model.path, truth);
    validation =
        validate_sinks(*planted, base.get(), writes, truth, texts, {options.rule.thresholds, interrupted, tried});
  }
  std::optional<ControlTable> controls;
  if (options.controls) {
    ControlOptions wanted;
    wanted.thresholds = options.rule.thresholds;
    wanted.n_seeds = options.control_seeds;
    const auto folder =
        options.scratch.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(options.scratch);
    wanted.scratch = (folder / fmt::format("sinkscope-control-{}.gguf", ::getpid())).string();
    wanted.should_stop = interrupted;
    wanted.trial = tried;
    if (!options.quiet && stderr_is_terminal()) {
      wanted.on_progress = [](const std::string& direction, int done, int total) {
        note(fmt::format("control {} of {}: {}", done + 1, total, direction));
      };
    }
    controls = run_controls(options.model.path, load, truth, texts, wanted);
  }
  const ControlTable* table = controls ? &*controls : nullptr;
  const std::optional<ThresholdGrid> grid = trial ? std::optional(trial->grid()) : std::nullopt;
  if (!options.json.empty()) {
    write_output(options.json,
                 [&](std::ostream& out) { out << validation_to_json(validation, table, grid ? &*grid : nullptr); });
  }
  if (options.json != "-") {
    write_validation(validation, table, grid ? &*grid : nullptr, TerminalStyle::of(STDOUT_FILENO), std::cout);
  }
  const std::vector<std::string> missed = missed_floors(validation, table, options);
  for (const std::string& floor : missed) note("floor missed: " + floor);
  return missed.empty() ? ExitCode::kDone : ExitCode::kFloorMissed;
}

}  // namespace

void register_validate(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ValidateVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "validate", "Score what a scan reports against planted truth",
      "Scans texts with a planted model and compares with its truth file: precision and recall, first layers, "
      "lifetimes, how norm orders logit gap and lifetime, and with --base what planting did to the primary. The texts "
      "should be others than those that planting was calibrated on. Exit code 6 if a floor is missed.",
      {{"sinkscope validate -m planted.gguf -f text.txt", "against planted.truth.json"},
       {"sinkscope validate -m planted.gguf -f text.txt --base model.gguf --controls --json out.json",
        "with the primary's change, and every other direction at the same places"}},
      [options] { return validate(*options); });
  add_model_options(verb, options->model);
  add_input_options(verb, options->input);
  add_threshold_options(verb, options->rule);
  const std::string group = "Validation";
  verb.add_option("--truth", options->truth, "The truth file; by default the one beside the model")
      ->type_name("FILE")
      ->group(group);
  verb.add_option("--base", options->base, "The model before planting: the primary's change is measured against it")
      ->type_name("MODEL.gguf")
      ->group(group);
  verb.add_flag("--controls", options->controls, "Also plant every other direction at the same places and norms")
      ->group(group);
  verb.add_flag("--grid", options->grid,
                "Also try the rule under other thresholds, and with centred and read alignment: on the planted model, "
                "on the unplanted one (with --base), on other directions (with --controls)")
      ->group(group);
  verb.add_option("--control-seeds", options->control_seeds, "Of the random directions")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->group(group);
  verb.add_option("--scratch", options->scratch, "Folder for the controls' models, one at a time")
      ->type_name("FOLDER")
      ->group(group);
  verb.add_option("--min-recall", options->min_recall,
                  "Floor, for places where at least 5 times the median norm was written (0.95)")
      ->type_name("X")
      ->check(number(0, 1))
      ->group(group);
  verb.add_option("--min-precision", options->min_precision, "Floor of the part of reports that planting made (0.95)")
      ->type_name("X")
      ->check(number(0, 1))
      ->group(group);
  verb.add_option("--min-exact", options->min_exact,
                  "Floor of the part of found sinks whose first layer is exact (0.95)")
      ->type_name("X")
      ->check(number(0, 1))
      ->group(group);
  verb.add_option("--min-primary-fall", options->min_primary_fall,
                  "Floor of the part that the primary's score falls by; none by default")
      ->type_name("X")
      ->check(number(0, 1))
      ->group(group);
  add_json_option(verb, options->json, MadeKind::kValidation);
  verb.add_flag("-q,--quiet", options->quiet, "No progress; errors and missed floors only")->group("Output");
}

}  // namespace sinkscope
