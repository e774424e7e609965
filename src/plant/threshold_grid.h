#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plant/planter.h"
#include "plant/truth.h"
#include "probe/model.h"

namespace sinkscope {

// The rule under other thresholds, on the same texts.
struct GridRow {
  std::string alignment;  // which one stands where the rule has alignment: raw, centred, read
  float min_alignment = 0, min_norm_ratio = 0, min_far_boost = 0;
  int places = 0, found = 0, exact = 0;  // planted sinks of at least kStrongRatio times the median norm
  int reported = 0, correct = 0;         // secondary sinks of the planted model
  int ordinary = 0, false_reports = 0;   // measurable tokens of the unplanted model; secondary sinks among them
  double worst_decile_frac = 0;          // the largest part of false reports over the deciles of position

  std::optional<double> recall() const { return part(found, places); }
  std::optional<double> precision() const { return part(correct, reported); }
  std::optional<double> exact_frac() const { return part(exact, found); }

 private:
  static std::optional<double> part(int some, int all) {
    return all > 0 ? std::optional(static_cast<double>(some) / all) : std::nullopt;
  }
};

// How well one figure alone tells planted places from all other tokens of the same texts: the chance that a planted
// one shows more. 0.5 is none.
struct FigureAuc {
  std::string figure;
  int planted = 0, others = 0;
  std::optional<double> auc;
};

struct ThresholdGrid {
  std::vector<FigureAuc> figures;
  std::vector<GridRow> rows;
};

// base    the unplanted model, or nullptr: then false reports by decile are not counted
// throws  whatever a run throws
// cost    one forward pass a text and model; the thresholds are tried on what these measured
ThresholdGrid try_thresholds(Model& planted, Model* base, const PlantTruth& truth, const Sequences& texts,
                             const Thresholds& others, const std::function<bool()>& should_stop);

// The chance that a number of `high` is larger than one of `low`; ties count half.
std::optional<double> area_under_curve(const std::vector<double>& high, const std::vector<double>& low);

}  // namespace sinkscope
