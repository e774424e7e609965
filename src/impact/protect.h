#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "impact/ablation.h"
#include "impact/cache_form.h"
#include "impact/kept_tokens.h"
#include "probe/model.h"

namespace sinkscope {

struct ProtectRequest {
  std::vector<CacheForm> caches;
  Thresholds thresholds;
  int n_draws = 3;  // of the placebo
  std::uint64_t seed = 1;
  std::optional<std::int64_t> max_documents;  // sequences; the first that are long enough for some cache
  int min_documents = 8;                      // of each half: under it there are no intervals and no recommendation
  int n_resamples = 10'000;
  RunOptions run;
  std::function<void(std::int64_t done, std::int64_t total, const std::string& what)> on_progress;
};

// Tokens that a cache must reach, at least, for a sequence to tell of it.
inline constexpr int kMinCacheTokens = 64;

// What keeping one set does, against the full exact cache: means over tokens, in nats; of a placebo, means of its draws.
struct KeptEffect {
  KeptSet set = KeptSet::kNone;
  double n_kept = 0;               // tokens
  // KL(full || this); change of the next token's loss. Nothing: no tokens to draw from, or no room for them.
  std::optional<double> kl, loss;
};

struct CacheEffect {
  CacheForm cache;
  int n = 0;                     // tokens that are compared; 0: the sequence is too short for this cache
  std::vector<KeptEffect> sets;  // as kKeptSets; empty where n is 0
};

struct SequenceProtection {
  std::int64_t ordinal = 0;
  std::string key, id, unit;
  std::optional<int> chunk;
  std::vector<TokenId> tokens;
  std::vector<int> positions;        // of the primary's set and the sinks, ascending
  std::vector<int> primary;          // of these, the primary's set
  std::vector<CacheEffect> caches;   // of the request
};

// The first token whose prediction can differ: a window's first B tokens see all they would see.
int first_compared(const CacheForm& cache);

// A sequence of which no cache was measured: names, tokens, primary, positions.
SequenceProtection unmeasured(const SequenceToAblate& sequence);

// Runs one sequence with each cache and set. Each variant is a run of its own, cut into micro-batches as the unedited run.
//
// throws  Error{kModel} if the network lacks a cache of its own, or next-token logits; whatever Model::run throws
// cost    a pass with all measurements, and a pass and its vocabulary product for each cache and different set
SequenceProtection protect_sequence(Model& model, const SequenceToAblate& sequence, const ProtectRequest& request);

class ProtectionStore;

// The same for the sequences of a results file. What is in the store is not measured again, so a run that was stopped
// goes on from there.
//
// n_sequences  that load may be asked for, 0 .. n_sequences - 1
// throws       Error{kInput} if none is long enough for any of the caches
std::vector<SequenceProtection> protect(Model& model, std::int64_t n_sequences,
                                        const std::function<SequenceToAblate(std::int64_t)>& load,
                                        const ProtectRequest& request, ProtectionStore& store);

}  // namespace sinkscope
