#include "cli/verbs/scan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "api/program_run.h"
#include "base/display_text.h"
#include "base/error.h"
#include "base/words.h"
#include "cli/input_sequences.h"
#include "cli/interrupt.h"
#include "cli/options/input_options.h"
#include "cli/options/model_options.h"
#include "cli/options/rule_options.h"
#include "cli/outputs.h"
#include "cli/paths.h"
#include "cli/peak_memory.h"
#include "cli/progress.h"
#include "cli/shown_results.h"
#include "cli/skip_log.h"
#include "cli/verbs/verb.h"
#include "cli/version.h"
#include "engine/llama/two_step_load.h"
#include "gguf/digest.h"
#include "report/data/output_file.h"
#include "report/data/safetensors.h"
#include "scan/scan.h"
#include "scan/text_notes.h"
#include "sinks/figures.h"
#include "store/scan_file.h"

namespace sinkscope {
namespace {

void check_combinations(const ScanVerbOptions& options) {
  // Without --rule a results file that is there says which rule it is.
  if (!options.rule.rule.empty() || options.results.empty()) {
    check_rule_options(options.rule, {{options.rule.rule == "paper" ? Rule::kPaper : Rule::kEvidence}});
  }
  if (!options.profiles.empty() && options.keep == "runs") {
    throw Error(ErrorCode::kUsage, "--profiles writes what --keep runs leaves out: use --keep profiles or heads");
  }
}

MeasurementOptions measurement_options(const ScanVerbOptions& options, const Model& model) {
  MeasurementOptions measurement;
  measurement.min_distance = far_distance(options.min_distance, model.facts().sliding_window).min_distance;
  measurement.bos = options.input.bos;
  measurement.special = options.input.special;
  measurement.chat = options.input.chat;
  measurement.chunk = options.input.chunk;
  measurement.n_ubatch = options.model.n_ubatch;
  measurement.parallel = model.max_sequences();
  measurement.short_rope_tokens = model.short_rope_tokens().value_or(0);
  measurement.deployment = model.deployment();
  measurement.final_norm = options.paper_final_norm;
  measurement.precision = model.precision();
  // Thresholds below the usual floor need tokens from further down.
  CandidateFloor& floor = measurement.floor;
  floor.alignment = std::min(floor.alignment, options.rule.thresholds.min_alignment);
  floor.norm_ratio = std::min(floor.norm_ratio, options.rule.thresholds.min_norm_ratio);
  // One text keeps what both rules ask for: next to its profiles that is little.
  floor.any_norm_both_signs = options.rule.rule == "paper" || options.input.is_one_text();
  if (!options.rule.rule.empty()) measurement.rule = options.rule.rule;
  measurement.paper_positions = options.rule.paper_positions.value_or(measurement.paper_positions);
  const bool stored = !options.results.empty() || !options.profiles.empty();
  const std::string by_default =
      stored && (options.input.is_one_text() || !options.profiles.empty()) ? "profiles" : "runs";
  measurement.keep = keep_from_name(options.keep.empty() ? by_default : options.keep);
  return measurement;
}

TakenFromFile taken_from_file(const ScanVerbOptions& options) {
  TakenFromFile taken;
  taken.keep = options.keep.empty() && options.profiles.empty();
  taken.any_norm_both_signs = options.rule.rule != "paper";
  taken.rule = options.rule.rule.empty();
  taken.paper_positions = !options.rule.paper_positions;
  return taken;
}

LoadOptions scan_load_options(const ScanVerbOptions& options) {
  LoadOptions load = load_options(options.model);
  load.max_sequences = options.parallel;
  load.final_norm = options.paper_final_norm;
  return load;
}

void announce(const Model& model, const TokenSpool& sequences) {
  const ModelFacts& facts = model.facts();
  note(fmt::format("{}: {}, {} layers; {}, {}", facts.name, facts.type, facts.n_layers,
                   count_of(static_cast<std::int64_t>(sequences.size()), "sequence"),
                   count_of(sequences.total_tokens(), "token")));
}

// Sequences of the input that the results hold.
std::int64_t n_held(const ScanFile& results, const TokenSpool& sequences) {
  std::int64_t n = 0;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Sequence sequence = sequences.read(i);
    n += results.has(document_key(sequence.tokens, sequence.prompt_tokens)) ? 1 : 0;
  }
  return n;
}

ScanSummary run_scan(Model& model, const TokenSpool& sequences, ScanFile& results, const ScanVerbOptions& options) {
  ProgressBar bar(!options.quiet && stderr_is_terminal());
  ScanOptions wanted;
  wanted.measurement = results.options();
  wanted.thresholds = options.rule.thresholds;
  wanted.should_stop = interrupted;
  wanted.on_progress = [&](const ScanProgress& progress) { bar.show(progress); };
  try {
    return scan(model, sequences, results, wanted);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    if (options.results.empty()) {
      throw Error(ErrorCode::kInterrupted, "stopped, and nothing kept; with -o FILE a scan can be stopped and resumed");
    }
    throw Error(ErrorCode::kInterrupted,
                fmt::format("stopped; '{}' holds {} of {} documents: the same command goes on from there",
                            options.results, n_held(results, sequences), sequences.size()));
  }
}

void write_results(const ScanFile& results, const ScanVerbOptions& options, const ReportOptions& report) {
  if (!options.profiles.empty()) {
    write_output(options.profiles, [&](std::ostream& out) { write_safetensors(results, std::nullopt, out); });
  }
  const bool text = options.profiles != "-";
  show_results(results, report, options.json, text ? std::optional(TerminalStyle::of(STDOUT_FILENO)) : std::nullopt);
}

// Where the results are, and how to look at them.
//
// thresholds  that were asked for: files keep figures, not thresholds
void say_what_next(const std::string& results, const Thresholds& thresholds) {
  std::filesystem::path page = results;
  if (page.extension() == ".db") page.replace_extension();
  if (page.extension() == ".scan") page.replace_extension();
  page += ".html";
  std::cout << fmt::format("kept in {}; as a page to explore: sinkscope report {}{} -o {}\n", displayable(results),
                           displayable(shell_word(results)), options_of(thresholds),
                           displayable(shell_word(page.string())));
}

}  // namespace

std::optional<ScanFile> resumable_results(const ScanVerbOptions& options, const Model& model,
                                          const std::string& sha256) {
  ModelRecord record;
  record.facts = model.facts();
  record.sha256 = sha256;
  return ScanFile::open_resumable(options.results, record, measurement_options(options, model), taken_from_file(options));
}

ExitCode run_scan_verb(const ScanVerbOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  check_combinations(options);
  SkipLog skipped(options.quiet);
  const auto documents = open_documents(options.input, [&](const SkippedInput& line) { skipped(line); });
  const ModelFile file = open_model_file(options.model.path, options.model.deployment.override_kv);
  const int max_tokens = longest_sequence(options.model, file);
  // Reading the file for its digest also brings it into memory, where the model is about to be mapped.
  ModelDigest digest(options.model.path, model_hash_folder());
  TwoStepLoad load(file, scan_load_options(options));
  const auto [sequences, notes] = tokenize_input(options.input, load.vocabulary(), max_tokens, *documents,
                                                 [&](const SkippedInput& line) { skipped(line); });
  const std::unique_ptr<Model> model = load.take_model();
  if (!options.quiet && stderr_is_terminal()) announce(*model, sequences);

  const MeasurementOptions measurement = measurement_options(options, *model);
  ModelRecord record{model->facts(), digest.get(), {model->lacking().begin(), model->lacking().end()}, file.notes()};
  const FarDistance far = far_distance(options.min_distance, model->facts().sliding_window);
  if (!far.note.empty()) record.notes.push_back(far.note);
  record.notes.insert(record.notes.end(), notes.begin(), notes.end());
  const ProgramRun run = present_program_run(command_line(), measurement.precision, model->n_threads());
  ScanFile results = options.results.empty() ? ScanFile::in_memory(record, measurement, run)
                                             : ScanFile::open_or_create(options.results, record, measurement, run, taken_from_file(options));
  const ReportOptions report = options.rule.report_options();
  check_rule_options(options.rule, {{rule_of(results, report)}});
  check_answerable(results, report);
  for (const SkippedLine& line : skipped.lines()) results.add_skipped(line);

  const ScanSummary summary = run_scan(*model, sequences, results, options);
  if (summary.already_there > 0 && !options.quiet) {
    note(fmt::format("{} of {} documents already there", summary.already_there, summary.sequences));
  }
  if (summary.repeated > 0 && !options.quiet) {
    note(fmt::format("{} of {} documents {} an earlier one of the input word for word: such a text is kept once, with all its "
                     "places",
                     summary.repeated, summary.sequences, summary.repeated == 1 ? "repeats" : "repeat"));
  }
  write_results(results, options, report);
  if (options.json != "-" && options.profiles != "-") {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto peak_mib = peak_memory_mib();
    std::cout << fmt::format("\n{} tokens in {:.1f} s{}\n", summary.tokens_run, seconds,
                             peak_mib ? fmt::format(", peak memory {:.0f} MiB", *peak_mib) : "");
    if (!options.results.empty()) say_what_next(options.results, options.rule.thresholds);
  }
  TextNotes texts(results.options(), model->facts().n_ctx_train);
  for (std::size_t i = 0; i < sequences.size(); ++i) texts.add(static_cast<int>(sequences.length(i)));
  texts.add_overflow(summary.watch_overflow);
  for (const std::string& sentence : texts.sentences()) {
    if (!options.quiet) note(sentence);
  }
  const bool none_judged = texts.none_judged();
  skipped.summarise();
  return skipped.empty() && !none_judged ? ExitCode::kDone : ExitCode::kSomeSkipped;
}

void register_scan(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ScanVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "scan", "Find the attention sinks of a text or a corpus",
      "Runs the model over the input once and measures, by layer and token, the states, what attention and MLP write, "
      "and the attention that each token draws. Prints the primary sink and every other sink, with its kind, its "
      "layers "
      "and the figures that say so. Far queries decide what a sink is, so texts should have a few hundred tokens.\n\n"
      "Documents are data: text that looks like a control token stays text, unless --special is given.\n\n"
      "A results file (-o) keeps all candidate tokens with their figures, so that show and export can apply other "
      "thresholds later, without the model. A scan that was stopped goes on when the same command is given again.",
      {{"sinkscope scan -m model.gguf -f text.txt", "one text; the report goes to the terminal"},
       {"sinkscope scan -m model.gguf -f text.txt -o out.scan.db --json out.json", "keep the results, and as JSON"},
       {"cat *.txt | sinkscope scan -m model.gguf -f - --chunk 2048", "a long text in pieces of 2048 tokens"},
       {"sinkscope scan -m model.gguf --jsonl corpus.jsonl --field output --prompt-field prompt -o out.scan.db",
        "a corpus of generations, prompts apart"},
       {"sinkscope scan -m model.gguf -p 'What is 17 * 23?' --chat --json - | jq .sequences[0].primary",
        "a question as the model's chat template puts it, JSON on standard output"}},
      [options] { return run_scan_verb(*options); });
  add_model_options(verb, options->model);
  add_deployment_options(verb, options->model);
  add_input_options(verb, options->input);
  add_rule_options(verb, options->rule);
  const CLI::Option* final_norm =
      verb.add_flag("--paper-final-norm", options->paper_final_norm,
                    "With --rule paper: take the last layer after the final norm, as the authors' code does")
          ->group("Rule");
  options->rule.of_one_rule.push_back({final_norm, Rule::kPaper});
  verb.add_option("--min-distance", options->min_distance, "Queries at least so many positions later are far")
      ->type_name("N")
      ->check(whole_number(1, 1 << 20))
      ->group("Rule");
  verb.add_option(
          "--np,--parallel", options->parallel,
          "Documents that may run together, up to four micro-batches: faster where they are short, but the last "
          "digits of a document's figures then depend on the others. By default each runs alone, as what is "
          "recurrent always does")
      ->type_name("N")
      ->check(whole_number(1, 64))
      ->group("Model");
  add_resumed_option(verb, "-o,--output", options->results, "Results file: made, or resumed if it is of the same scan");
  add_json_option(verb, options->json, MadeKind::kScan);
  add_output_option(verb, "--profiles", options->profiles, "FILE|-", MadeKind::kProfiles,
                    "Arrays by layer and token, as safetensors; - is standard output");
  add_choice(verb, "--keep", options->keep, {"runs", "profiles", "heads"},
             "How much the results file keeps: figures of candidate tokens; arrays of all tokens too (the default for "
             "one text); those by head too")
      ->group("Output");
  verb.add_flag("-q,--quiet", options->quiet, "No progress and no notes on standard error; errors only")
      ->group("Output");
}

}  // namespace sinkscope
