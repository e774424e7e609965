#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

// One sink, as far as statistics over a corpus ask. Tokens that share a state, none of which is a sink by itself, are one:
// a group.
struct CorpusSink {
  int position = 0;  // of a group its first: where it stands
  int n_tokens = 1;  // of a group its members
  TokenId token = 0;
  SinkKind kind = SinkKind::kSecondary;
  int label = -1;  // index into SinkCorpus::labels: what the records that it was imported from call it; -1: none
  int l_start = 0;
  int l_end = 0;
  bool censored = false;  // the state lasted at least to l_end
  std::optional<float> norm_ratio, logit_gap, far_boost;  // of a group its joint boost, and no gap
};

// One document with its sinks, the primary not among them.
//
// Positions [eligible_begin, eligible_end) are those that could hold such a sink: what rates are rates of. A sink may stand
// outside them, before the primary or in a text without one: then it enters no rate.
struct CorpusDocument {
  int n_tokens = 0;
  int prompt_tokens = 0;
  int eligible_begin = 0;
  int eligible_end = 0;
  bool has_primary = false;
  int horizon = 0;  // a run that ends in this layer or later is censored
  std::vector<CorpusSink> sinks;
  std::string key = {};  // tells the document from others; draws over documents go by it

  bool is_eligible(const CorpusSink& sink) const { return eligible_begin <= sink.position && sink.position < eligible_end; }
};

// The documents of one model.
struct SinkCorpus {
  int n_layers = 0;
  std::vector<std::string> labels;
  std::vector<CorpusDocument> documents;
};

// The order in which documents are drawn: order_of_draws of their keys.
std::vector<std::size_t> draw_order(const SinkCorpus& corpus);

// The positions of a document that could hold a sink beside the primary, [begin, end).
//
//   eligible = positions after the primary with at least kMinFarQueries queries min_distance or more behind them;
//              none without a primary, since a state has nothing to align with then
struct EligiblePositions {
  int begin = 0, end = 0;
  int count() const { return end - begin; }
  bool contains(int position) const { return begin <= position && position < end; }
};
EligiblePositions eligible_positions(const SequenceFigures& figures, const std::optional<Primary>& primary);

// Sinks per 1000 eligible tokens: the rate of every output. Nothing without eligible tokens.
std::optional<double> per_1000(std::int64_t count, std::int64_t eligible_tokens);

// A document as the evidence rule sees it.
//
// token_at  the ids of the document's tokens
// kinds     sinks of these kinds only
CorpusDocument corpus_document(const SequenceFigures& figures, const Detection& detection, const Thresholds& thresholds,
                               const std::vector<TokenId>& tokens, const std::vector<SinkKind>& kinds);

}  // namespace sinkscope
