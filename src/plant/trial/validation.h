#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plant/planter.h"
#include "plant/truth.h"
#include "probe/model.h"
#include "sinks/detection.h"

namespace sinkscope {

// How well the rule finds one planted sink.
struct SinkScore {
  PlantedSink truth;
  int places = 0;             // in the texts, from position 8 on, with enough far queries
  int unscored = 0;           // the places without
  int found = 0;              // of the places: a sink whose run holds the layer
  int exact = 0;              // of the found: the run begins there
  int secondary = 0;          // of the found: of kind secondary
  int controls = 0;           // places of the token where none was planted
  int controls_reported = 0;  // of these, with a run that begins at the layer
  // Medians over the found.
  std::optional<double> l_start_error, lifetime_error, attention_lifetime_error;  // absolute, in layers
  std::optional<double> logit_gap, attention_lifetime, far_boost, norm_ratio;
};

// What planting did to the primary, on the same texts: only with the unplanted model.
struct PrimaryChange {
  int block = 0;                            // the one that reads the last planted layer
  double score = 0, base_score = 0;         // mean over heads and visible queries
  std::optional<double> logit, base_logit;  // mean over heads and far queries
  double fall_frac() const { return base_score > 0 ? 1 - score / base_score : 0; }
};

struct Validation {
  int n_sequences = 0;
  int n_tokens = 0;
  std::vector<SinkScore> sinks;
  // Over all places of the planted tokens, and over those where at least kStrongRatio times the layer's median norm was
  // written.
  struct Total {
    int places = 0, found = 0, exact = 0, secondary = 0;
    std::optional<double> recall, exact_frac;
  };
  Total all, strong;
  int reported = 0;  // secondary sinks of the texts, and planted places reported as another kind
  int correct = 0;   // of these, at planted places
  int spilled = 0;   // of the others, where a planted neuron wrote at least kFiredRatio times the median norm
  int natural = 0;   // not judged: sinks of other kinds elsewhere, and secondary ones of the unplanted model
  std::optional<double> precision;        // (correct + spilled) / reported
  std::optional<double> token_precision;  // correct / reported
  // Rank correlation of the norm asked for; over found sinks, the second over those whose end is seen.
  std::optional<double> spearman_logit_gap, spearman_attention_lifetime;
  std::optional<PrimaryChange> primary;
};

class ThresholdTrial;
class WriteMeter;

struct ValidateOptions {
  Thresholds thresholds;
  std::function<bool()> should_stop;
  ThresholdTrial* trial = nullptr;  // shown every reading, if given
};

// Scans the texts with the planted model and scores what the rule reports against the truth.
//
// base    the model before planting, or nullptr: then the primary's change is not measured, and sinks of the model's
//         own count against precision
// writes  of the planted model
// throws  Error{kInput} if the truth is of another model; whatever a run throws
// cost    one forward pass a text and model, with all measurements
Validation validate_sinks(Model& planted, Model* base, WriteMeter& writes, const PlantTruth& truth,
                          const Sequences& texts, const ValidateOptions& options);

}  // namespace sinkscope
