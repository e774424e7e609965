#include <fmt/format.h>

#include <filesystem>
#include <future>
#include <memory>
#include <utility>

#include "base/display_text.h"
#include "base/error.h"
#include "cli/generation_pipeline.h"
#include "cli/interrupt.h"
#include "cli/model_hash.h"
#include "cli/paths.h"
#include "cli/progress.h"
#include "cli/skip_log.h"
#include "cli/text_sequences.h"
#include "cli/verbs/scan.h"
#include "cli/verbs/verb.h"

namespace sinkscope {
namespace {

struct GenerateVerbOptions {
  InputOptions input;
  SamplingOptions sampling;
  int max_tokens = 512;
  std::string output;
  bool no_scan = false;
  ScanVerbOptions scan;  // the model too, which both run
};

std::string scan_path_of(const std::string& texts) {
  std::filesystem::path path(texts);
  if (path.extension() == ".jsonl" || path.extension() == ".json") path.replace_extension();
  return path.string() + ".scan.db";
}

// The scan of the generated tokens, as the command line would ask for it.
ScanVerbOptions scan_of(const GenerateVerbOptions& options) {
  ScanVerbOptions scan = options.scan;
  scan.input.jsonl = options.output;
  scan.input.field = "output_tokens";
  scan.input.prompt_field = "prompt_tokens";
  if (scan.results.empty()) scan.results = scan_path_of(options.output);
  return scan;
}

std::string scan_command(const GenerateVerbOptions& options) {
  return fmt::format("sinkscope scan -m {} --jsonl {} --field output_tokens --prompt-field prompt_tokens -o {}",
                     options.scan.model.path, options.output, scan_of(options).results);
}

void check_combinations(const GenerateVerbOptions& options) {
  if (options.output == "-") throw Error(ErrorCode::kUsage, "-o names a file, which standard output cannot be");
  check_writable(options.output);
  if (options.no_scan) {
    if (options.scan.results.empty() && options.scan.json.empty()) return;
    throw Error(ErrorCode::kUsage, "--no-scan: expected no --scan and no --json, whose results it leaves out");
  }
  const std::string results = scan_of(options).results;
  if (results == options.output || options.scan.json == options.output) {
    throw Error(ErrorCode::kUsage, fmt::format("'{}' is named for two outputs: expected a file each", options.output));
  }
  check_writable(results);
}

std::string describe_sink(const Model& model, const Sequence& prompt, const ProvisionalSink& sink,
                          std::span<const TokenId> tokens) {
  const Run& run = sink.run;
  const std::string token = displayable(model.token_bytes(tokens[static_cast<std::size_t>(run.position)]));
  return fmt::format("{}: provisional {} sink '{}' at {}, layers {} to {}, far boost {}; after {} tokens",
                     displayable(prompt_name(prompt)), name_of(run.kind), token, run.position, run.l_start, run.l_end,
                     run.far_boost_median ? fmt::format("{:.0f}", *run.far_boost_median) : "-", sink.n_tokens);
}

std::string describe_counts(const ProvisionalCounts& sinks) {
  if (sinks.shown == 0) return "no sink showed";
  return fmt::format("{} showed, {} there at its end",
                     sinks.shown == 1 ? "1 sink" : fmt::format("{} sinks", sinks.shown), sinks.held);
}

void generate_all(Model& model, const TokenSpool& prompts, GenerationFile& texts, const GenerateVerbOptions& options) {
  const bool quiet = options.scan.quiet;
  ProgressBar bar(!quiet && stderr_is_terminal());
  GenerationOptions generation;
  generation.generate.sampling = options.sampling;
  generation.generate.max_tokens = options.max_tokens;
  generation.generate.run.min_distance = options.scan.min_distance;
  generation.thresholds = options.scan.rule.thresholds;
  generation.should_stop = interrupted;
  generation.on_progress = [&](const GenerationProgress& progress) { bar.show(progress); };
  if (!quiet) {
    generation.on_sink = [&](const Sequence& prompt, std::span<const TokenId> tokens, const ProvisionalSink& sink) {
      note(describe_sink(model, prompt, sink, tokens));
    };
    generation.on_text = [&](const Sequence&, const GeneratedText& text, const ProvisionalCounts& sinks) {
      note(fmt::format("{}: {} tokens after a prompt of {}; {}; {}", displayable(text.id), text.output_tokens.size(),
                       text.prompt_tokens.size(),
                       text.ended ? "the model ended it" : "cut at the most that it may have", describe_counts(sinks)));
    };
  }
  try {
    const GenerationSummary summary = generate_texts(model, prompts, texts, generation);
    if (summary.already_there > 0 && !quiet) {
      note(fmt::format("{} of {} texts already there", summary.already_there, prompts.size()));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    throw Error(ErrorCode::kInterrupted,
                fmt::format("stopped; '{}' holds {} of {} texts: the same command goes on from there", options.output,
                            texts.size(), prompts.size()));
  }
}

ExitCode generate(const GenerateVerbOptions& options) {
  check_combinations(options);
  SkipLog skipped(options.scan.quiet);
  const OnSkip on_skip = [&](const SkippedInput& line) { skipped(line); };
  const auto documents = open_documents(options.input, on_skip);
  check_model_readable(options.scan.model.path);
  // At least one token must fit behind the prompt.
  const TokenSpool prompts = tokenize_input(options.input, options.scan.model, *documents, 1, on_skip);
  {
    std::future<std::string> digest =
        std::async(std::launch::async, [&] { return model_sha256(options.scan.model.path, model_hash_folder()); });
    const std::unique_ptr<Model> model = load_model(load_options(options.scan.model));
    GenerationFile texts(options.output, {model->facts().name, digest.get(), options.sampling, options.max_tokens});
    generate_all(*model, prompts, texts, options);
    if (!options.scan.quiet) {
      note(fmt::format("{}: {} {}, {} generated tokens", options.output, texts.size(),
                       texts.size() == 1 ? "text" : "texts", texts.n_output_tokens()));
    }
  }
  ExitCode done = skipped.empty() ? ExitCode::kDone : ExitCode::kSomeSkipped;
  if (options.no_scan) {
    if (!options.scan.quiet) note(fmt::format("to scan them: {}", scan_command(options)));
  } else if (scan(scan_of(options)) == ExitCode::kSomeSkipped) {
    done = ExitCode::kSomeSkipped;
  }
  skipped.summarise();
  return done;
}

}  // namespace

void register_generate(CLI::App& program, Action& action) {
  const auto options = std::make_shared<GenerateVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "generate", "Let a model write texts, and find the sinks in them",
      "Secondary sinks are rare in prompts and live mostly in generated reasoning. So each prompt is continued, by "
      "llama.cpp's samplers, and the texts go into a JSONL file with their token ids. Then these very tokens are "
      "scanned, and the results stored.\n\n"
      "Sinks are shown as they appear while a text is written, marked provisional: far queries are still few and the "
      "medians that norms are compared with still move, so a sink shows at the earliest 128 tokens after it, and may "
      "look different, or be none, at the end. Only the scan is stored.\n\n"
      "The file of texts may be gone on with: the same command passes over texts that are there. Text i, from 0, is "
      "sampled with seed + i, so one text can be made again alone.",
      {{"sinkscope generate -m model.gguf --jsonl problems.jsonl --field question --chat -n 4096 -o gen.jsonl",
        "answers to questions as the model's chat template puts them; results in gen.scan.db"},
       {"sinkscope generate -m model.gguf -p 'Once upon a time' -n 600 -o story.jsonl --seed 7", "one text"},
       {"sinkscope generate -m model.gguf --jsonl problems.jsonl --field question -o gen.jsonl --no-scan",
        "texts only; the command that scans them later is printed"}},
      [options] { return generate(*options); });
  add_model_options(verb, options->scan.model);
  add_prompt_options(verb, options->input);
  const std::string group = "Sampling";
  verb.add_option("-n,--predict", options->max_tokens, "Tokens of a text at most, the prompt not counted")
      ->type_name("N")
      ->check(whole_number(1, 1 << 24))
      ->group(group);
  verb.add_option("--temp", options->sampling.temperature, "Temperature; 0: always the likeliest token")
      ->type_name("X")
      ->check(number(0.0, 100.0))
      ->group(group);
  verb.add_option("--top-p", options->sampling.top_p,
                  "Of the likeliest tokens with this probability together; 1: of all")
      ->type_name("X")
      ->check(number(1e-6, 1.0))
      ->group(group);
  verb.add_option("--top-k", options->sampling.top_k, "Of so many likeliest tokens; 0: of all")
      ->type_name("N")
      ->check(whole_number(0, 1 << 24))
      ->group(group);
  verb.add_option("--seed", options->sampling.seed, "Of the first text; each further text has the next")
      ->type_name("N")
      ->check(whole_number(0, 0xFFFFFFFF))
      ->group(group);
  verb.add_option("-o,--output", options->output,
                  "Texts, as JSONL: made, or gone on with if it is of the same model "
                  "and options")
      ->type_name("FILE")
      ->required()
      ->group("Output");
  verb.add_option("--scan", options->scan.results,
                  "Results file of the scan; by default beside the texts, as *.scan.db")
      ->type_name("FILE")
      ->group("Output");
  verb.add_flag("--no-scan", options->no_scan, "Do not scan the texts")->group("Output");
  add_json_option(verb, options->scan.json);
  verb.add_flag("-q,--quiet", options->scan.quiet, "No progress and no notes on standard error; errors only")
      ->group("Output");
}

}  // namespace sinkscope
