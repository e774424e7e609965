#include "impact/protect.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"
#include "cli/outputs.h"
#include "cli/scanned_again.h"
#include "cli/verbs/verb.h"
#include "engine/llama/model.h"
#include "impact/detected_cache.h"
#include "impact/head_reach.h"
#include "impact/judge_protection.h"
#include "report/data/detector_safetensors.h"
#include "report/data/duo_pattern.h"
#include "report/data/mask_safetensors.h"
#include "report/data/output_file.h"
#include "report/data/protect_json.h"
#include "report/text/protect_terminal.h"
#include "store/ablated_file.h"
#include "store/detector_rows.h"
#include "store/head_reach_rows.h"
#include "store/protection_rows.h"
#include "store/scan_file.h"

namespace sinkscope {
namespace {

struct ProtectVerbOptions {
  ModelOptions model;
  RuleOptions rule;
  std::string results, json, mask, duo, detector;
  std::vector<std::string> caches;
  std::vector<int> windows;
  int draws = ProtectRequest{}.n_draws;
  std::uint64_t seed = 1;
  std::optional<std::int64_t> documents;
  int sink_size = HeadReachRequest{}.sink_size, recent_size = HeadReachRequest{}.recent_size;
  bool quiet = false;
};

ProtectRequest request_of(const ProtectVerbOptions& options, const ScanFile& file, KeptPass& pass) {
  ProtectRequest request;
  std::vector<std::string> words;
  for (const int cells : options.windows) words.push_back(fmt::format("window:{}", cells));
  words.insert(words.end(), options.caches.begin(), options.caches.end());
  if (words.empty()) words = {"window:256"};
  request.caches = cache_forms_from(words);
  request.thresholds = options.rule.thresholds;
  request.n_draws = options.draws;
  request.seed = options.seed;
  request.max_documents = options.documents;
  request.run.min_distance = file.options().min_distance;
  request.run.should_stop = interrupted;
  request.on_progress = pass.watch(progress_notes(options.quiet));
  return request;
}

std::string in_folder(const std::string& folder, std::string_view name) {
  return (std::filesystem::path(folder) / name).string();
}

void write_duo(const ProtectVerbOptions& options, const ScanFile& file, Model& model, const LoadToAblate& load) {
  HeadReachRequest request;
  request.sink_size = options.sink_size;
  request.recent_size = options.recent_size;
  request.max_documents = options.documents;
  request.should_stop = interrupted;
  request.on_progress = progress_notes(options.quiet);
  HeadReachRows rows(file);
  write_duo_pattern(options.duo, file.model(), measure_head_reach(model, file.n_documents(), load, request, rows));
}

ExitCode run_protect(const ProtectVerbOptions& options) {
  if (!options.duo.empty()) make_duo_folder(options.duo);
  const ScanFile file = open_scanned(options.results, options.model);
  KeptPass pass(options.results);
  const ProtectRequest request = request_of(options, file, pass);
  const std::unique_ptr<Model> model = load_for_scanned(options.results, file, options.model);
  check_measured_alike(options.results, file, options.model, *model);
  ProtectionRows rows(file);
  const LoadToAblate load = [&](std::int64_t ordinal) {
    return sequence_to_ablate(file.document(ordinal), request.thresholds);
  };
  std::vector<SequenceProtection> sequences;
  pass.run([&] { sequences = protect(*model, file.n_documents(), load, request, rows); });
  const JudgedProtection judged = judge_protection(sequences, request, model->facts().adds_bos);
  if (!options.mask.empty()) {
    write_output(options.mask, [&](std::ostream& out) { write_mask_safetensors(file.model(), sequences, out); });
  }
  if (!options.duo.empty()) pass.run([&] { write_duo(options, file, *model, load); });
  std::optional<MeasuredDetector> detector;
  if (!options.detector.empty()) {
    DetectorRows detectors(file);
    pass.run([&] { detector = measure_detector(*model, file.n_documents(), load, request, detectors); });
    write_output(options.detector,
                 [&](std::ostream& out) { write_detector_safetensors(file.model(), detector->trained, out); });
  }
  if (!options.json.empty()) {
    const auto text_of = [&](TokenId token) { return file.token_bytes(token); };
    write_output(options.json, [&](std::ostream& out) {
      write_protect_json(file.model(), sequences, judged, request, detector, text_of, out);
    });
    if (options.json == "-") return ExitCode::kDone;
  }
  const TerminalStyle style = TerminalStyle::of(STDOUT_FILENO);
  write_protect_terminal(sequences, judged, style, std::cout);
  if (detector) write_detector_terminal(*detector, style, std::cout);
  return ExitCode::kDone;
}

}  // namespace

void register_protect(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ProtectVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "protect", "Which tokens a key-value cache must keep, or store exactly",
      "Runs the texts of a results file again, once with a full exact cache and once with each smaller or coarser cache "
      "and each set of tokens that it keeps (a window) or stores exactly (few bits), and says what the predictions lose: "
      "nothing kept, the primary, the first tokens, the primary and the sinks, the most attended, and as many ordinary "
      "tokens as a placebo. Half of the documents choose the smallest set that is not resolvably worse than the best, "
      "the other half give the figures: 16 documents are needed. \"The primary alone, no more\" is an answer.",
      {{"sinkscope protect -m model.gguf out.scan.db --window 256,1024", "caches of so many cells"},
       {"sinkscope protect -m model.gguf out.scan.db --cache q4_0,kivi2 --json protect.json", "caches of few bits"},
       {"sinkscope protect -m model.gguf out.scan.db --mask mask.safetensors",
        "the tokens as masks, for training that leaves them out"},
       {"sinkscope protect -m model.gguf out.scan.db --duo pattern", "which heads need a whole cache, for DuoAttention"},
       {"sinkscope protect -m model.gguf out.scan.db --detector detector.safetensors",
        "how to name a sink as it passes a block"}},
      [options] { return run_protect(*options); });
  add_model_options(verb, options->model);
  add_lora_option(verb, options->model);
  verb.add_option("FILE", options->results, "A results file of this model, written by scan -o")
      ->required()
      ->type_name("FILE");
  verb.add_option("--window", options->windows,
                  "Caches of so many cells, several with commas: the kept tokens and the most recent. By default 256, "
                  "unless --cache is given")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(whole_number(2, 1'000'000'000))
      ->type_name("B,...")
      ->group("Protect");
  verb.add_option("--cache", options->caches,
                  "Caches of few bits, several with commas: q8_0 and q4_0 as llama.cpp stores them, with the rotation "
                  "that it applies by default (q4_0:plain: without); kivi4 and kivi2")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("FORM,...")
      ->group("Protect");
  verb.add_option("--draws", options->draws, "Placebo draws of each document")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->group("Protect");
  verb.add_option("--documents", options->documents, "Sequences that are run, at most; the first that are long enough")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000'000))
      ->group("Protect");
  verb.add_option("--seed", options->seed, "Of placebo draws, halves and resamples")->type_name("N")->group("Protect");
  verb.add_option("--duo", options->duo,
                  "Write DuoAttention's pattern into this folder: config.json and full_attention_heads.tsv, by each KV head "
                  "the attention that it gives to keys outside the first and the last tokens; measured, not trained")
      ->type_name("FOLDER")
      ->group("Output");
  verb.add_option("--sink-size", options->sink_size, "First tokens that a streaming head of --duo keeps")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000'000))
      ->capture_default_str()
      ->group("Protect");
  verb.add_option("--recent-size", options->recent_size, "Last tokens that it keeps")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000'000))
      ->capture_default_str()
      ->group("Protect");
  verb.add_flag("-q,--quiet", options->quiet, "No progress")->group("Output");
  add_output_option(verb, "--mask", options->mask, "FILE", MadeKind::kMask,
                    "Write masks of the primary and the sinks as safetensors")
      ->group("Output");
  add_output_option(verb, "--detector", options->detector, "FILE", MadeKind::kDetector,
                    "Write a detector that names sinks by one block's output: layer, axis and thresholds as safetensors. "
                    "Recall and precision are of documents that did not choose it; 8 are needed")
      ->group("Output");
  // A folder that is not there holds nothing that could be replaced.
  const auto of_duo = [options](std::string_view name) {
    return [options, name] {
      return std::filesystem::is_directory(options->duo) ? in_folder(options->duo, name) : std::string();
    };
  };
  add_derived_output(verb, MadeKind::kDuoConfig, of_duo(kDuoConfigName));
  add_derived_output(verb, MadeKind::kHeadPattern, of_duo(kDuoHeadsName));
  add_threshold_options(verb, options->rule);
  add_json_option(verb, options->json, MadeKind::kProtect);
}

}  // namespace sinkscope
