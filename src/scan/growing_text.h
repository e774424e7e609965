#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "probe/model.h"
#include "sinks/detection.h"
#include "sinks/figures.h"

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

struct GrowOptions {
  GenerateOptions generate;  // its on_token is not asked
  CandidateFloor floor;
  Thresholds thresholds;
  // tokens  of the text so far, the prompt included
  std::function<void(std::span<const TokenId> tokens, const ProvisionalSink&)> on_sink;
  // Before each micro-batch and token, and at the end.
  std::function<void(int n_generated, const ProvisionalCounts&)> on_progress;
};

struct GrownText {
  Generation generation;
  ProvisionalCounts sinks;
};

// Tokens after which a growing text is looked at again: few while it is short; a look costs time with its length.
constexpr int tokens_between_looks(int n_tokens) { return n_tokens < 1024 ? 64 : n_tokens / 16; }

// Lets a model continue a text, and looks for sinks as it grows. Each is told of once.
//
// prompt  as the network reads it, with BOS
// throws  whatever Model::generate throws
// cost    as Model::generate; a look copies the measurement so far
GrownText grow_text(Model& model, const std::vector<TokenId>& prompt, const GrowOptions& options);

}  // namespace sinkscope
