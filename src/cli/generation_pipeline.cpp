#include "cli/generation_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "cli/scan_pipeline.h"
#include "measure/pack_meter.h"

namespace sinkscope {
namespace {

std::string bytes_of(const Model& model, std::span<const TokenId> tokens) {
  std::string bytes;
  for (const TokenId token : tokens) bytes += model.token_bytes(token);
  return bytes;
}

// Looks at a text as it grows, and tells of each sink once.
class Watcher {
 public:
  Watcher(const Model& model, const Sequence& prompt, const GenerationOptions& options)
      : prompt_(prompt),
        options_(options),
        tokens_(prompt.tokens),
        meter_(model.facts(), room_for(model, prompt, options),
               {.min_distance = options.generate.run.min_distance,
                .n_kept_positions = positions_kept_for(options.floor)}) {}

  PackMeter& meter() { return meter_; }
  // A token that was drawn, before the meter sees it.
  void add(TokenId token) {
    const auto n_shown = static_cast<int>(tokens_.size());
    if (n_shown >= next_look_) {
      look();
      next_look_ = n_shown + tokens_between_looks(n_shown);
    }
    tokens_.push_back(token);
  }
  void look() {
    const auto measured = meter_.so_far(0);
    if (!measured) return;
    held_ = 0;
    const SequenceFigures figures = reduce(*measured, static_cast<int>(prompt_.tokens.size()), options_.floor);
    for (const Run& run : detect_by_evidence(figures, options_.thresholds).runs) {
      if (run.verdict != Verdict::kSink) continue;
      ++held_;
      if (!told_.emplace(run.position, run.l_start).second) continue;
      if (options_.on_sink) options_.on_sink(prompt_, tokens_, {run, measured->n_tokens});
    }
  }
  // Of the last look.
  ProvisionalCounts counts() const { return {static_cast<int>(told_.size()), held_}; }

 private:
  // The meter must know how long a text may become.
  static Pack room_for(const Model& model, const Sequence& prompt, const GenerationOptions& options) {
    Pack pack{{prompt.tokens}};
    pack.sequences[0].resize(std::min(prompt.tokens.size() + static_cast<std::size_t>(options.generate.max_tokens),
                                      static_cast<std::size_t>(model.max_tokens())));
    return pack;
  }

  const Sequence& prompt_;
  const GenerationOptions& options_;
  std::vector<TokenId> tokens_;
  PackMeter meter_;
  int next_look_ = 0;
  std::set<std::pair<int, int>> told_;  // position, l_start
  int held_ = 0;
};

}  // namespace

std::string prompt_name(const Sequence& prompt) {
  const std::string id = origin_of(prompt).id;
  return id.empty() ? "prompt" : id;
}

GenerationSummary generate_texts(Model& model, const TokenSpool& prompts, GenerationFile& texts,
                                 const GenerationOptions& options) {
  if (texts.size() > prompts.size()) {
    throw Error(ErrorCode::kOutput, fmt::format("the file of generated texts holds {}, of an input of {}: expected no "
                                                "more texts than prompts; give another -o",
                                                texts.size(), prompts.size()));
  }
  GenerationSummary summary;
  GenerationProgress progress;
  progress.texts_total = static_cast<std::int64_t>(prompts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) texts.check_prompt(i, prompts.read(i).tokens);
  summary.already_there = progress.texts_done = static_cast<std::int64_t>(texts.size());

  for (std::size_t i = texts.size(); i < prompts.size(); ++i) {
    const Sequence prompt = prompts.read(i);
    Watcher watcher(model, prompt, options);
    GenerateOptions generate = options.generate;
    generate.sampling.seed = texts.seed(i);
    int n_drawn = 0;
    const std::int64_t tokens_before = progress.tokens_done, sinks_before = progress.sinks;
    const auto report = [&] {
      progress.tokens_done = tokens_before + n_drawn;
      progress.sinks = sinks_before + watcher.counts().shown;
      progress.most_tokens_left = (progress.texts_total - progress.texts_done) * options.generate.max_tokens - n_drawn;
      if (options.on_progress) options.on_progress(progress);
    };
    generate.run.should_stop = [&] {
      report();
      return options.should_stop && options.should_stop();
    };
    generate.on_token = [&](TokenId token) {
      ++n_drawn;
      watcher.add(token);
    };
    Generation generation = model.generate(prompt.tokens, watcher.meter(), generate);
    watcher.look();
    report();

    GeneratedText text;
    text.id = prompt_name(prompt);
    text.line = prompt.place.line;
    text.prompt_tokens = prompt.tokens;
    text.output_tokens = std::move(generation.tokens);
    text.prompt = bytes_of(model, std::span(prompt.tokens).subspan(static_cast<std::size_t>(prompt.bos_tokens)));
    text.output = bytes_of(model, text.output_tokens);
    text.ended = generation.ended;
    text.seed = generate.sampling.seed;
    texts.append(text);
    summary.tokens += static_cast<std::int64_t>(text.output_tokens.size());
    ++progress.texts_done;
    ++progress.texts_done_here;
    if (options.on_text) options.on_text(prompt, text, watcher.counts());
  }
  return summary;
}

}  // namespace sinkscope
