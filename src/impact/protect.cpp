#include "impact/protect.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "impact/cached_runs.h"
#include "base/statistics/document_draws.h"
#include "impact/protection_store.h"
#include "impact/sink_axes.h"
#include "impact/token_effect.h"
#include "probe/tee_observer.h"
#include "scan/examine.h"

namespace sinkscope {
namespace {

bool is_long_enough(const SequenceToAblate& sequence, const ProtectRequest& request) {
  return std::ranges::any_of(request.caches, [&](const CacheForm& cache) { return is_long_enough(sequence, cache); });
}

KeptEffect effect_of(const KeptTokens& kept, const CachedRuns& runs) {
  KeptEffect effect{kept.set, 0, {}, {}};
  if (kept.draws.empty()) return effect;
  double kl = 0, loss = 0;
  for (const std::vector<int>& draw : kept.draws) {
    effect.n_kept += static_cast<double>(draw.size());
    kl += runs.of(draw).kl;
    loss += runs.of(draw).loss;
  }
  const auto n = static_cast<double>(kept.draws.size());
  effect.n_kept /= n;
  effect.kl = kl / n;
  effect.loss = loss / n;
  return effect;
}

// Runs the caches that the store does not have and for which the sequence is long enough.
void measure_missing(Model& model, const SequenceToAblate& sequence, const ProtectRequest& request,
                     ProtectionStore& store) {
  ProtectRequest missing = request;
  std::erase_if(missing.caches, [&](const CacheForm& cache) {
    return !is_long_enough(sequence, cache) ||
           store.find(protection_specification(request, cache), sequence.ordinal).has_value();
  });
  if (missing.caches.empty()) return;
  const SequenceProtection measured = protect_sequence(model, sequence, missing);
  std::vector<ProtectionStore::Measured> caches;
  for (const CacheEffect& effect : measured.caches) {
    caches.emplace_back(protection_specification(request, effect.cache), &effect);
  }
  store.add(sequence.ordinal, caches);
}

}  // namespace

int first_compared(const CacheForm& cache) { return cache.kind == CacheKind::kWindow ? cache.cells : 0; }

SequenceProtection unmeasured(const SequenceToAblate& sequence) {
  return {sequence.ordinal, sequence.key,    sequence.id,
          sequence.unit,    sequence.chunk,  sequence.tokens,
          primary_and_sinks(sequence.detection), primary_set(sequence.detection), {}};
}

SequenceProtection protect_sequence(Model& model, const SequenceToAblate& sequence, const ProtectRequest& request) {
  SequenceProtection result = unmeasured(sequence);
  ExamineOptions options;
  options.run = request.run;
  options.thresholds = request.thresholds;
  options.keep = Keep::kProfiles;
  AttentionTotals totals;
  FinalStates unedited(static_cast<int>(sequence.tokens.size()));
  TeeObserver both(totals, unedited);
  const Examined examined = std::move(examine(model, {{sequence.tokens}}, options, &both).front());
  std::vector<std::uint8_t> ordinary = ordinary_tokens(examined.profiles, examined.figures.ordinary_norm);
  for (const int position : result.positions) ordinary[index(position)] = 0;
  const std::vector<KeptTokens> sets = kept_sets(sequence.detection, ordinary, totals.totals(), request.n_draws,
                                                 request.seed, stream_of_document(sequence.key));
  for (const CacheForm& cache : request.caches) {
    CacheEffect& of_cache = result.caches.emplace_back(CacheEffect{cache, 0, {}});
    if (!is_long_enough(sequence, cache)) continue;
    of_cache.n = static_cast<int>(sequence.tokens.size()) - 1 - first_compared(cache);
    CachedRuns runs(model, sequence, request.run, cache, unedited.states());
    std::vector<KeptTokens> fitting = sets;
    for (KeptTokens& kept : fitting) {
      if (std::ranges::any_of(kept.draws, [&](const auto& draw) { return !has_room(cache, draw); })) kept.draws.clear();
      for (const std::vector<int>& draw : kept.draws) runs.add(draw);
    }
    runs.compare();
    for (const KeptTokens& kept : fitting) of_cache.sets.push_back(effect_of(kept, runs));
  }
  return result;
}

std::vector<SequenceProtection> protect(Model& model, std::int64_t n_sequences,
                                        const std::function<SequenceToAblate(std::int64_t)>& load,
                                        const ProtectRequest& request, ProtectionStore& store) {
  std::vector<std::int64_t> ordinals;
  for (std::int64_t i = 0; i < n_sequences; ++i) {
    if (request.max_documents && std::ssize(ordinals) >= *request.max_documents) break;
    if (is_long_enough(load(i), request)) ordinals.push_back(i);
  }
  if (ordinals.empty()) {
    int shortest = first_compared(request.caches.front());
    for (const CacheForm& cache : request.caches) shortest = std::min(shortest, first_compared(cache));
    throw Error(ErrorCode::kInput, fmt::format("protect: expected a sequence of {} tokens or more, got none of {}; try a "
                                               "smaller --window, or longer texts",
                                               shortest + 1 + kMinCacheTokens, n_sequences));
  }
  std::vector<SequenceProtection> results;
  for (const std::int64_t ordinal : ordinals) {
    if (request.on_progress) request.on_progress(std::ssize(results), std::ssize(ordinals), "sequences");
    const SequenceToAblate sequence = load(ordinal);
    measure_missing(model, sequence, request, store);
    SequenceProtection& result = results.emplace_back(unmeasured(sequence));
    for (const CacheForm& cache : request.caches) {
      const auto found = store.find(protection_specification(request, cache), ordinal);
      result.caches.push_back(found.value_or(CacheEffect{cache, 0, {}}));
    }
  }
  return results;
}

}  // namespace sinkscope
