#pragma once

#include <array>
#include <optional>

#include "measure/measurement.h"

namespace sinkscope {

// From which score on a head makes a key a sink: the epsilons of Gu et al. 2410.10781.
inline constexpr std::array kSinkRates = {0.2F, 0.3F, 0.5F, 0.8F};

// Scores of one key in one layer, over all visible queries.
struct KeyScores {
  float mean = 0;                                    // over heads
  float head_max = 0;                                // of any head
  float group_max = 0;                               // of any KV group's mean over its heads
  std::array<float, kSinkRates.size()> sink_rate{};  // share of heads with score > kSinkRates[i]
  float attention_share = 0;  // mean over heads and all queries of the sequence: those that do not see the key give 0
};

// returns  nothing where the layer has no attention node or no query sees the key
std::optional<KeyScores> key_scores(const SequenceMeasurement& measurement, std::size_t layer, std::size_t key);

// The same of far queries.
struct FarFigures {
  float score = 0;  // mean over heads
  float boost = 0;  // score / what uniform attention gives
  int heads_over_10 = 0;
};

// returns  nothing also where fewer than kMinFarQueries far queries see the key
std::optional<FarFigures> far_figures(const SequenceMeasurement& measurement, std::size_t layer, std::size_t key);

// What a key gets from its far queries, however few they are, and what even attention would give it.
struct FarSums {
  double attention = 0;  // sum over far queries, mean over heads
  double even = 0;
};

// returns  nothing where the layer has no attention node or no far query sees the key
std::optional<FarSums> far_sums(const SequenceMeasurement& measurement, std::size_t layer, std::size_t key);

// The share of a key's far queries that selected it, of those that could.
//
// returns  nothing in layers that do not select keys, and where fewer than kMinFarQueries could
std::optional<float> selection_rate(const SequenceMeasurement& measurement, std::size_t layer, std::size_t key);

// What removing a watched key from the cache would do to the attention output of its far queries.
struct EvictionFigures {
  float cost = 0;    // sum over far queries of the squared distance that the output moves, mean over heads
  int left_out = 0;  // pairs of head and query that are not in it, as the key has all of the query's attention
};

// returns  nothing for a key that was not watched, or not by all of its far queries, or has fewer than kMinFarQueries
std::optional<EvictionFigures> eviction_figures(const SequenceMeasurement& measurement, std::size_t layer,
                                                std::size_t key);

// The same of one head, of which KeyScores::mean and FarFigures::boost are the means.
//
// returns  nothing also where the layer has no such head
std::optional<float> score_of_head(const SequenceMeasurement& measurement, std::size_t layer, std::size_t head,
                                   std::size_t key);
std::optional<float> attention_share_of_head(const SequenceMeasurement& measurement, std::size_t layer,
                                             std::size_t head, std::size_t key);
std::optional<float> eviction_cost_of_head(const SequenceMeasurement& measurement, std::size_t layer, std::size_t head,
                                           std::size_t key);
std::optional<float> far_boost_of_head(const SequenceMeasurement& measurement, std::size_t layer, std::size_t head,
                                       std::size_t key);

// What learned sink logits take of all attention of the layer, mean over heads: 0 in a model that has none.
//
// returns  nothing where attention was not measured
std::optional<float> learned_share(const SequenceMeasurement& measurement, std::size_t layer);

}  // namespace sinkscope
