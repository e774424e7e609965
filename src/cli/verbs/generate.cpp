#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/display_text.h"
#include "base/error.h"
#include "base/words.h"
#include "cli/generation_file.h"
#include "cli/input_sequences.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/skip_log.h"
#include "cli/verbs/scan.h"
#include "cli/verbs/verb.h"
#include "engine/llama/two_step_load.h"
#include "gguf/digest.h"
#include "scan/growing_text.h"
#include "scan/scanned_document.h"

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
  if (!options.no_scan || (options.scan.results.empty() && options.scan.json.empty())) return;
  throw Error(ErrorCode::kUsage, "--no-scan: expected no --scan and no --json, whose results it leaves out");
}

[[noreturn]] void refuse_other_scan(const GenerateVerbOptions& options, const Origin& other) {
  throw Error(ErrorCode::kOutput,
              fmt::format("'{}' is there already and holds other texts than those of '{}', such as {} of '{}': expected "
                          "a results file of these texts alone, or none; give another --scan, or --no-scan",
                          scan_of(options).results, options.output, displayable(other.id), displayable(other.file)));
}

// The generated texts, and their scan as far as it is there: before hours of sampling, both must be of this command.
//
// throws  Error{kOutput} if the results hold other texts; as resumable_results, and GenerationFile
std::unique_ptr<GenerationFile> open_texts(const GenerateVerbOptions& options, const GenerationSource& source,
                                           const Model& model) {
  std::optional<ScanFile> scanned;
  if (!options.no_scan) scanned = resumable_results(scan_of(options), model, source.sha256);
  const auto check_scanned = [&](const auto& is_ours) {
    if (!scanned) return;
    scanned->for_each_place([&](std::int64_t, const std::string& key, std::vector<Origin>&& origins) {
      if (!is_ours(key)) refuse_other_scan(options, origins.empty() ? Origin{} : origins.front());
    });
  };
  if (!std::filesystem::exists(options.output)) check_scanned([](const std::string&) { return false; });
  auto texts = std::make_unique<GenerationFile>(options.output, source);
  check_scanned([&](const std::string& key) { return texts->holds(key); });
  return texts;
}

// What a prompt is called, in the file and in messages: its own name, or "prompt" for one of the command line.
std::string prompt_name(const Sequence& prompt) {
  const std::string id = origin_of(prompt).id;
  return id.empty() ? "prompt" : id;
}

std::string bytes_of(const Vocabulary& vocabulary, std::span<const TokenId> tokens) {
  std::string bytes;
  for (const TokenId token : tokens) bytes += vocabulary.token_bytes(token);
  return bytes;
}

std::string describe_sink(const Vocabulary& vocabulary, const std::string& name, const ProvisionalSink& sink,
                          std::span<const TokenId> tokens) {
  const Run& run = sink.run;
  const std::string token =
      displayable(clip_token(vocabulary.token_bytes(tokens[static_cast<std::size_t>(run.position)])));
  return fmt::format("{}: provisional {} sink '{}' at {}, layers {} to {}, far boost {}; after {} tokens",
                     displayable(name), name_of(run.kind), token, run.position, run.l_start, run.l_end,
                     run.far_boost_median ? fmt::format("{:.0f}", *run.far_boost_median) : "-", sink.n_tokens);
}

std::string describe_counts(const ProvisionalCounts& sinks) {
  if (sinks.shown == 0) return "no sink showed";
  return fmt::format("{} showed, {} there at its end", count_of(sinks.shown, "sink"), sinks.held);
}

std::string describe_text(const GeneratedText& text, const ProvisionalCounts& sinks) {
  return fmt::format("{}: {} tokens after a prompt of {}; {}; {}", displayable(text.id), text.output_tokens.size(),
                     text.prompt_tokens.size(), text.ended ? "the model ended it" : "cut at the most that it may have",
                     describe_counts(sinks));
}

GeneratedText text_of(const Vocabulary& vocabulary, const Sequence& prompt, Generation&& generation,
                      std::uint32_t seed) {
  GeneratedText text;
  text.id = prompt_name(prompt);
  text.line = prompt.place.line;
  text.prompt_tokens = prompt.tokens;
  text.output_tokens = std::move(generation.tokens);
  text.prompt = bytes_of(vocabulary, std::span(prompt.tokens).subspan(static_cast<std::size_t>(prompt.bos_tokens)));
  text.output = bytes_of(vocabulary, text.output_tokens);
  text.ended = generation.ended;
  text.seed = seed;
  return text;
}

// prompt -> sampled tokens -> file, one text after another; texts that are in the file are passed over.
class TextWriter {
 public:
  TextWriter(Model& model, GenerationFile& texts, const GenerateVerbOptions& options)
      : model_(model),
        texts_(texts),
        options_(options),
        quiet_(options.scan.quiet),
        bar_(!quiet_ && stderr_is_terminal()) {}

  // throws  Error{kOutput} if the file holds texts of other prompts; Error{kInterrupted}; whatever Model::generate
  //         throws
  void write(const TokenSpool& prompts) {
    if (texts_.size() > prompts.size()) {
      throw Error(ErrorCode::kOutput, fmt::format("the file of generated texts holds {}, of an input of {}: expected "
                                                  "no more texts than prompts; give another -o",
                                                  texts_.size(), prompts.size()));
    }
    for (std::size_t i = 0; i < texts_.size(); ++i) texts_.check_prompt(i, prompts.read(i).tokens);
    progress_.texts_total = static_cast<std::int64_t>(prompts.size());
    progress_.texts_done = static_cast<std::int64_t>(texts_.size());
    const std::size_t already_there = texts_.size();
    for (std::size_t i = already_there; i < prompts.size(); ++i) write_text(prompts.read(i));
    if (already_there > 0 && !quiet_) note(fmt::format("{} of {} texts already there", already_there, prompts.size()));
  }

 private:
  void write_text(const Sequence& prompt) {
    const std::uint32_t seed = texts_.seed(texts_.size());
    GrownText grown = grow_text(model_, prompt.tokens, grow_options(prompt, seed));
    const GeneratedText text = text_of(model_.vocabulary(), prompt, std::move(grown.generation), seed);
    texts_.append(text);
    ++progress_.texts_done;
    ++progress_.texts_done_here;
    if (!quiet_) note(describe_text(text, grown.sinks));
  }

  GrowOptions grow_options(const Sequence& prompt, std::uint32_t seed) {
    GrowOptions grow;
    grow.generate.sampling = options_.sampling;
    grow.generate.sampling.seed = seed;
    grow.generate.max_tokens = options_.max_tokens;
    grow.generate.run.min_distance = options_.scan.min_distance;
    grow.generate.run.should_stop = interrupted;
    grow.thresholds = options_.scan.rule.thresholds;
    const std::int64_t tokens_before = progress_.tokens_done, sinks_before = progress_.sinks;
    grow.on_progress = [this, tokens_before, sinks_before](int n_drawn, const ProvisionalCounts& sinks) {
      progress_.tokens_done = tokens_before + n_drawn;
      progress_.sinks = sinks_before + sinks.shown;
      progress_.most_tokens_left = (progress_.texts_total - progress_.texts_done) * options_.max_tokens - n_drawn;
      bar_.show(progress_);
    };
    if (!quiet_) {
      grow.on_sink = [this, name = prompt_name(prompt)](std::span<const TokenId> tokens, const ProvisionalSink& sink) {
        note(describe_sink(model_.vocabulary(), name, sink, tokens));
      };
    }
    return grow;
  }

  Model& model_;
  GenerationFile& texts_;
  const GenerateVerbOptions& options_;
  bool quiet_;
  ProgressBar bar_;
  GenerationProgress progress_;
};

void generate_all(Model& model, const TokenSpool& prompts, GenerationFile& texts, const GenerateVerbOptions& options) {
  try {
    TextWriter(model, texts, options).write(prompts);
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
  const ModelFile file = open_model_file(options.scan.model.path, options.scan.model.deployment.override_kv);
  // At least one token must fit behind the prompt.
  const int max_tokens = longest_sequence(options.scan.model, file) - 1;
  std::string deployed;
  {
    ModelDigest digest(options.scan.model.path, model_hash_folder());
    TwoStepLoad load(file, load_options(options.scan.model));
    const auto [prompts, notes] = tokenize_input(options.input, load.vocabulary(), max_tokens, *documents, on_skip);
    for (const std::string& one : notes) {
      if (!options.scan.quiet) note(one);
    }
    const std::unique_ptr<Model> model = load.take_model();
    deployed = settings_in_words(model->deployment());
    const GenerationSource source{model->facts().name, digest.get(), options.sampling, options.max_tokens, deployed};
    const std::unique_ptr<GenerationFile> texts = open_texts(options, source, *model);
    generate_all(*model, prompts, *texts, options);
    if (!options.scan.quiet) {
      note(fmt::format("{}: {}, {}", options.output, count_of(static_cast<std::int64_t>(texts->size()), "text"),
                       count_of(texts->n_output_tokens(), "generated token")));
    }
  }
  ExitCode done = skipped.empty() ? ExitCode::kDone : ExitCode::kSomeSkipped;
  if (options.no_scan) {
    if (!options.scan.quiet)
      note(fmt::format("to scan them: {}{}", scan_command(options),
                       deployed.empty() ? "" : "; with the options of this command: " + deployed));
  } else if (run_scan_verb(scan_of(options)) == ExitCode::kSomeSkipped) {
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
      "A stopped command resumes: the same command passes over texts that are there. Text i, from 0, is "
      "sampled with seed + i, so one text can be made again alone.",
      {{"sinkscope generate -m model.gguf --jsonl problems.jsonl --field question --chat -n 4096 -o gen.jsonl",
        "answers to questions as the model's chat template puts them; results in gen.scan.db"},
       {"sinkscope generate -m model.gguf -p 'Once upon a time' -n 600 -o story.jsonl --seed 7", "one text"},
       {"sinkscope generate -m model.gguf --jsonl problems.jsonl --field question -o gen.jsonl --no-scan",
        "texts only; the command that scans them later is printed"}},
      [options] { return generate(*options); });
  add_model_options(verb, options->scan.model);
  add_deployment_options(verb, options->scan.model);
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
  add_resumed_option(verb, "-o,--output", options->output,
                     "Texts, as JSONL: made, or resumed if it is of the same model and options")
      ->required();
  add_resumed_option(verb, "--scan", options->scan.results,
                     "Results file of the scan; by default beside the texts, as *.scan.db");
  add_derived_output(verb, std::nullopt, [options] {
    return options->no_scan || !options->scan.results.empty() ? "" : scan_of(*options).results;
  });
  verb.add_flag("--no-scan", options->no_scan, "Do not scan the texts")->group("Output");
  add_json_option(verb, options->scan.json, MadeKind::kScan);
  verb.add_flag("-q,--quiet", options->scan.quiet, "No progress and no notes on standard error; errors only")
      ->group("Output");
}

}  // namespace sinkscope
