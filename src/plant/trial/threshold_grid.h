#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plant/readings.h"
#include "plant/truth.h"

namespace sinkscope {

inline constexpr std::size_t kDeciles = 10;
using ByDecile = std::array<int, kDeciles>;  // of the position in its text

// Places, and how many of them are reported as secondary sinks in their layer.
struct Tally {
  int places = 0, reported = 0;
};

// The rule under other thresholds, on the same texts.
struct GridRow {
  std::string alignment;  // which one stands where the rule has alignment: raw, centred, read
  float min_alignment = 0, min_norm_ratio = 0, min_far_boost = 0;
  int places = 0, found = 0, exact = 0;   // of planted tokens, with at least kStrongRatio times the median norm written
  int reported = 0, correct = 0;          // secondary sinks of the planted model; of these where a neuron wrote
  std::map<std::string, Tally> controls;  // by direction: the same places in models that write along another one
  ByDecile false_reports{};               // tokens of the unplanted model with a secondary or unaligned sink
  ByDecile primary_like{};                // and with a sink that was born with its primary: no mistakes

  std::optional<double> recall() const { return part(found, places); }
  std::optional<double> precision() const { return part(correct, reported); }
  std::optional<double> exact_frac() const { return part(exact, found); }
  // Over the directions that draw no attention: is_no_sink.
  Tally no_sinks() const;

 private:
  static std::optional<double> part(int some, int all) {
    return all > 0 ? std::optional(static_cast<double>(some) / all) : std::nullopt;
  }
};

// How well a figure, or the weakest of several, tells planted places from others: the chance that a planted one shows
// more. 0.5 is none. Several are compared as multiples of the rule's thresholds.
struct FigureAuc {
  std::string alignment;  // raw, centred, read; empty: none
  bool norm_ratio = false, far_boost = false;
  int planted = 0, others = 0, controls = 0;
  std::optional<double> auc_others;    // against all other tokens of the same texts
  std::optional<double> auc_controls;  // against the same places in models whose direction is no sink

  std::string name() const;  // "raw alignment, norm ratio"
};

struct ThresholdGrid {
  ByDecile ordinary{};  // measurable tokens of the unplanted model
  std::vector<FigureAuc> figures;
  std::vector<GridRow> rows;

  // The largest part of false reports over the deciles.
  double worst_decile_frac(const GridRow& row) const;
};

// Whether states along a control direction are known to draw no attention: opposite, orthogonal, token, mean and none.
// The others (permuted, channel, no-channels) keep something of what attention reads, and are sinks in some models.
bool is_no_sink(std::string_view direction);

// Tries the rule under many thresholds on readings that are shown one after the other and not kept. They must be made
// with kEveryToken: other thresholds would be cut off by the usual floor.
//
// cost  a reading: 135 times the rule on its tokens; of controls on its places only
class ThresholdTrial {
 public:
  // truth   must outlive the trial
  // others  the thresholds that are not varied, and those that figures are compared by
  ThresholdTrial(const PlantTruth& truth, const Thresholds& others);

  // written  [n_sinks, n_tokens] norms, as WriteMeter sees them
  void add_planted(std::span<const TokenId> text, const SequenceReading& reading, const Matrix<float>& written);
  void add_unplanted(std::span<const TokenId> text, const SequenceReading& reading);
  // direction  axis is left out: it is what was planted
  void add_control(const std::string& direction, std::span<const TokenId> text, const SequenceReading& reading,
                   const Matrix<float>& written);
  ThresholdGrid grid() const;

 private:
  // A place of a planted token where the norm was written.
  struct Strong {
    int layer = 0, position = 0;
  };
  struct Values {
    std::vector<double> planted, others, controls;
  };
  std::vector<Strong> strong_places(std::span<const TokenId> text, const SequenceReading& reading,
                                    const Matrix<float>& written) const;
  template <typename Score>
  void judge(const SequenceFigures& figures, const Score& score);
  void add_places(const std::vector<Strong>& places, const SequenceFigures& figures,
                  std::vector<double> Values::* into);

  const PlantTruth& truth_;
  Thresholds others_;
  ThresholdGrid grid_;
  std::vector<Values> values_;  // as grid_.figures
};

}  // namespace sinkscope
