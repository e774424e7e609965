#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "impact/block_effect.h"
#include "impact/downstream.h"
#include "impact/edit_how.h"
#include "impact/placebo.h"
#include "impact/removed_tokens.h"
#include "impact/token_effect.h"
#include "probe/model.h"
#include "sinks/detection.h"

namespace sinkscope {

// Tokens to be removed of one document, named by the user.
struct NamedSinks {
  std::vector<RemovedToken> sinks;
  std::vector<std::vector<RemovedToken>> placebo;  // empty: draws are made
};

struct AblateRequest {
  std::vector<EditHow> edits = {EditHow{}};
  SinkSelection selection = SinkSelection::kNonprimary;
  std::optional<std::map<std::string, NamedSinks>> named;  // by document key, in place of the selection
  Thresholds thresholds;
  int n_draws = 5;
  std::uint64_t seed = 1;
  std::optional<std::int64_t> max_documents;  // sequences that have something to be removed; the first
  bool loss = true;  // next-token losses and divergences as well
  double score_margin = 0.005, log_odds_margin = 0.05;
  double token_margin = 0.01;      // nats, of loss and kl
  int min_documents = 8;           // below which there are no intervals and no verdicts
  double replaced_share = 0.25;    // of documents with new sinks: then they replaced those that were removed
  int n_resamples = 10'000;
  RunOptions run;
  std::function<void(std::int64_t done, std::int64_t total, const std::string& what)> on_progress;
};

// One sequence of a results file.
struct SequenceToAblate {
  std::int64_t ordinal = 0;
  std::string key;             // of its tokens
  std::string id;              // the document's name
  std::string unit;            // equal for chunks of one document
  std::optional<int> chunk;
  std::vector<TokenId> tokens;
  Detection detection;  // of the results file, under the request's thresholds: decides what is removed
};

// What the rule says of an edited run.
struct EditedDetection {
  std::optional<int> primary;   // of the edited run itself
  std::vector<int> new_sinks;   // positions that are no sinks of the unedited run
  std::vector<int> lost_sinks;  // of the unedited run, the removed ones apart
};

// An edited run against the unedited one.
struct EditedRun {
  EditedDetection detection;
  std::vector<std::optional<BlockEffect>> blocks;  // [n_layers]; nothing under kMinEffectQueries queries
  std::optional<TokenEffect> tokens;               // of tokens from the first removed one on; nothing: not asked for
  std::optional<Downstream> downstream;            // states of later tokens; with `tokens`
};

// One block of the unedited run.
struct BlockBase {
  int n_queries = 0;
  std::optional<PrimaryFigures> figures;  // nothing under kMinEffectQueries queries
};

// One way of removing, in one sequence.
struct SequenceAblation {
  // Filled in by ablate().
  std::int64_t ordinal = 0;
  std::string key, id, unit;
  std::optional<int> chunk;
  int n_tokens = 0;
  int primary = 0;
  std::vector<RemovedToken> removed;
  Placebo placebo;
  std::vector<BlockBase> base;  // [n_layers]
  EditedRun edited;
  std::vector<EditedRun> placebo_runs;  // [draws]
};

}  // namespace sinkscope
