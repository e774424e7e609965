#pragma once

#include <functional>
#include <span>
#include <vector>

#include "cli/generation_file.h"
#include "cli/progress.h"
#include "probe/model.h"
#include "sinks/detection.h"
#include "sinks/figures.h"
#include "text/token_spool.h"

namespace sinkscope {

// A sink as it shows while its text is still being written. Medians over ordinary tokens and far queries are those of
// the text so far, so it may change, or go again, before the text ends.
struct ProvisionalSink {
  Run run;
  int n_tokens = 0;  // of the text by then, the prompt included
};

// Of one text.
struct ProvisionalCounts {
  int shown = 0;  // while it was written
  int held = 0;   // of these, sinks of the same layer at its end too
};

struct GenerationOptions {
  GenerateOptions generate;  // without seed, should_stop and on_token
  CandidateFloor floor;
  Thresholds thresholds;
  std::function<bool()> should_stop;
  // after it was written
  std::function<void(const Sequence& prompt, const GeneratedText&, const ProvisionalCounts&)> on_text;
  // tokens  of the text so far, the prompt included
  std::function<void(const Sequence& prompt, std::span<const TokenId> tokens, const ProvisionalSink&)> on_sink;
  std::function<void(const GenerationProgress&)> on_progress;
};

struct GenerationSummary {
  std::int64_t already_there = 0;  // texts that an earlier run wrote
  std::int64_t tokens = 0;         // that this run generated
};

// What a prompt is called, in the file and in messages: its own name, or "prompt" for one of the command line.
std::string prompt_name(const Sequence& prompt);

// Tokens after which a growing text is looked at again: few while it is short; a look costs time with its length.
constexpr int tokens_between_looks(int n_tokens) { return n_tokens < 1024 ? 64 : n_tokens / 16; }

// prompt -> sampled tokens -> file, one text after another; texts that are in the file are passed over.
//
// throws  Error{kInterrupted} if should_stop said so: the file then holds all texts that were finished;
//         Error{kOutput} if the file holds texts of other prompts; whatever Model::generate throws
GenerationSummary generate_texts(Model& model, const TokenSpool& prompts, GenerationFile& texts,
                                 const GenerationOptions& options);

}  // namespace sinkscope
