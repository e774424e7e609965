#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

namespace sinkscope {

// Median, 5th and 95th percentile.
struct Spread {
  double median = 0;
  double p05 = 0;
  double p95 = 0;
};

// returns  nothing for no values; percentiles are interpolated between neighbours
std::optional<Spread> spread_of(std::vector<double> values);

// One planted sink: what was asked for, what was done, what the calibration text shows of it.
struct PlantedSink {
  int layer = 0;
  TokenId token = -1;
  std::string token_text;
  std::vector<TokenId> after;      // it is a sink only after one of these tokens; empty: everywhere
  std::vector<TokenId> not_after;  // with `after`: predecessors of which is known that it is none
  int neuron = 0;
  double gate_length = 0, up_length = 0;  // of its rows: what it is known by
  std::string direction;
  double norm = 0;                      // asked for
  std::optional<double> norm_ratio;     // of it, to the layer's median norm of ordinary tokens
  std::optional<double> reachable;      // the largest norm that the post-norm allows; nothing without one
  int count = 0;                        // places in the calibration text, from position 8 on
  std::optional<Spread> norm_measured;  // of the layer's output, at these places
  std::optional<Spread> detector;       // w . x at these places; 1 is a full write
  std::optional<Spread> others_added;   // norm of what the neuron writes at all other tokens
  double others_added_max = 0;
  int scored = 0;                  // of the places, those with enough far queries
  int found = 0;                   // of these, reported as sinks
  std::optional<double> lifetime;  // medians over the found
  std::optional<double> attention_lifetime;
};

inline constexpr double kStrongRatio = 5;  // what a scan must find: so many times the median norm of the layer
inline constexpr double kFiredRatio = 1;   // from here on the neuron is what a report at another token is due to

// What was planted in a model: the truth that `validate` tests against.
struct PlantTruth {
  std::string arch;
  std::string source_sha256;
  int n_layers = 0;
  int d_model = 0;
  std::uint64_t seed = 1;
  int n_sequences = 0;
  int n_tokens = 0;
  int primary_position = 0;
  int birth_layer = 0;
  std::vector<PlantedSink> sinks;
};

// JSON, schema sinkscope.truth/1, with fixed key order.
std::string to_json(const PlantTruth& truth);
// Written beside the target and renamed.
//
// throws  Error{kOutput} if the file cannot be written
void write_truth(const PlantTruth& truth, const std::string& path);
// throws  Error{kInput} if the file cannot be read or is no such JSON
PlantTruth read_truth(const std::string& path);

// planted.gguf -> planted.truth.json
std::string truth_path_of(const std::string& model_path);

}  // namespace sinkscope
