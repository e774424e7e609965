#include "plant/trial/threshold_grid.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "base/statistics.h"
#include "base/statistics/discrimination.h"
#include "plant/calibration.h"
#include "plant/trial/write_meter.h"

namespace sinkscope {
namespace {

using Pick = LayerFigures TokenProfile::*;

constexpr std::array<std::pair<const char*, Pick>, 3> kAlignments = {{{"raw", &TokenProfile::alignment},
                                                                      {"centred", &TokenProfile::centred_alignment},
                                                                      {"read", &TokenProfile::read_alignment}}};
constexpr std::array<float, 5> kMinAlignments = {0.5F, 0.7F, 0.8F, 0.9F, 0.95F};
constexpr std::array<float, 3> kMinNormRatios = {2, 3, 5};
constexpr std::array<float, 3> kMinFarBoosts = {3, 5, 8};
constexpr std::array<std::string_view, 5> kNoSinks = {"none", "opposite", "orthogonal", "token", "mean"};
constexpr int kLayersShown = 4;  // from the planted layer on, that a figure's median is of

SequenceFigures with_alignment(SequenceFigures figures, Pick pick) {
  if (pick == &TokenProfile::alignment) return figures;
  for (TokenProfile& token : figures.tokens) token.alignment = token.*pick;
  return figures;
}

bool holds(const Run& run, int layer) { return run.l_start <= layer && layer <= run.l_end; }

// Positions with a sink of one of these kinds.
template <typename... Kind>
std::set<int> sinks_of(const Detection& detection, Kind... kinds) {
  std::set<int> positions;
  for (const Run& run : detection.runs) {
    if (run.verdict != Verdict::kSink || run.position < kPrimaryCandidates) continue;
    if (((run.kind == kinds) || ...)) positions.insert(run.position);
  }
  return positions;
}

// The run that reports the place, as a sink that is aligned; nullptr if there is none.
const Run* report_at(const Detection& detection, int layer, int position) {
  for (const Run& run : detection.runs) {
    if (run.position != position || run.verdict != Verdict::kSink || run.kind == SinkKind::kUnaligned) continue;
    if (holds(run, layer)) return &run;
  }
  return nullptr;
}

// The median of a figure over a few layers; nothing if it is not measured in any.
std::optional<double> median_over(const LayerFigures& figures, int first) {
  std::vector<double> values;
  const int end = std::min(first + kLayersShown, static_cast<int>(figures.size()));
  for (int l = first; l < end; ++l) {
    if (const auto& value = figures[static_cast<std::size_t>(l)]) values.push_back(static_cast<double>(*value));
  }
  return quantile_of(std::move(values), 0.5);
}

// The weakest of the parts, as a multiple of its threshold; nothing if one is not measured.
std::optional<double> strength(const TokenProfile& token, int layer, const FigureAuc& figure,
                               const Thresholds& thresholds) {
  double weakest = std::numeric_limits<double>::infinity();
  bool measured = true;
  const auto take = [&](const LayerFigures& figures, int first, float threshold) {
    const auto value = median_over(figures, first);
    measured = measured && value;
    if (value) weakest = std::min(weakest, *value / static_cast<double>(threshold));
  };
  for (const auto& [name, pick] : kAlignments) {
    if (figure.alignment == name) take(token.*pick, layer, thresholds.min_alignment);
  }
  if (figure.norm_ratio) take(token.norm_ratio, layer, thresholds.min_norm_ratio);
  if (figure.far_boost) take(token.far_boost, layer + 1, thresholds.min_far_boost);  // block l + 1 reads h_l
  return measured ? std::optional(weakest) : std::nullopt;
}

}  // namespace

bool is_no_sink(std::string_view direction) {
  return std::find(kNoSinks.begin(), kNoSinks.end(), direction) != kNoSinks.end();
}

std::string FigureAuc::name() const {
  std::string name = alignment.empty() ? "" : alignment + " alignment";
  const auto add = [&](const char* part) { name += (name.empty() ? "" : ", ") + std::string(part); };
  if (norm_ratio) add("norm ratio");
  if (far_boost) add("far boost");
  return name;
}

Tally GridRow::no_sinks() const {
  Tally all;
  for (const auto& [direction, tally] : controls) {
    if (!is_no_sink(direction)) continue;
    all.places += tally.places;
    all.reported += tally.reported;
  }
  return all;
}

double ThresholdGrid::worst_decile_frac(const GridRow& row) const {
  double worst = 0;
  for (std::size_t d = 0; d < kDeciles; ++d) {
    if (ordinary[d] > 0) worst = std::max(worst, static_cast<double>(row.false_reports[d]) / ordinary[d]);
  }
  return worst;
}

ThresholdTrial::ThresholdTrial(const PlantTruth& truth, const Thresholds& others) : truth_(truth), others_(others) {
  for (const auto& [name, pick] : kAlignments) {
    for (const float alignment : kMinAlignments) {
      for (const float norm_ratio : kMinNormRatios) {
        for (const float far_boost : kMinFarBoosts) {
          GridRow row;
          row.alignment = name;
          row.min_alignment = alignment;
          row.min_norm_ratio = norm_ratio;
          row.min_far_boost = far_boost;
          grid_.rows.push_back(std::move(row));
        }
      }
    }
  }
  for (const char* alignment : {"raw", "centred", "read", ""}) {
    for (const bool norm_ratio : {false, true}) {
      for (const bool far_boost : {false, true}) {
        FigureAuc figure;
        figure.alignment = alignment;
        figure.norm_ratio = norm_ratio;
        figure.far_boost = far_boost;
        if (*alignment != '\0' || norm_ratio || far_boost) grid_.figures.push_back(figure);
      }
    }
  }
  values_.resize(grid_.figures.size());
}

template <typename Score>
void ThresholdTrial::judge(const SequenceFigures& figures, const Score& score) {
  for (const auto& [name, pick] : kAlignments) {
    const SequenceFigures own = with_alignment(figures, pick);
    for (GridRow& row : grid_.rows) {
      if (row.alignment != name) continue;
      Thresholds thresholds = others_;
      thresholds.min_alignment = row.min_alignment;
      thresholds.min_norm_ratio = row.min_norm_ratio;
      thresholds.min_far_boost = row.min_far_boost;
      score(row, detect_by_evidence(own, thresholds));
    }
  }
}

std::vector<ThresholdTrial::Strong> ThresholdTrial::strong_places(std::span<const TokenId> text,
                                                                  const SequenceReading& reading,
                                                                  const Matrix<float>& written) const {
  std::vector<Strong> places;
  for (std::size_t s = 0; s < truth_.sinks.size(); ++s) {
    const PlantedSink& sink = truth_.sinks[s];
    for (int p = 0; p < static_cast<int>(text.size()); ++p) {
      if (!SinkPlaces{sink.token, sink.after}.wanted(text, p) || !reading.measurable(p)) continue;
      if (written_ratio(written, s, sink.layer, p, reading) >= kStrongRatio) places.push_back({sink.layer, p});
    }
  }
  return places;
}

void ThresholdTrial::add_places(const std::vector<Strong>& places, const SequenceFigures& figures,
                                std::vector<double> Values::* into) {
  for (const TokenProfile& token : figures.tokens) {
    for (const Strong& place : places) {
      if (place.position != token.position) continue;
      for (std::size_t f = 0; f < values_.size(); ++f) {
        if (const auto value = strength(token, place.layer, grid_.figures[f], others_)) {
          (values_[f].*into).push_back(*value);
        }
      }
    }
  }
}

void ThresholdTrial::add_planted(std::span<const TokenId> text, const SequenceReading& reading,
                                 const Matrix<float>& written) {
  const std::vector<Strong> places = strong_places(text, reading, written);
  std::set<int> fired;  // where a planted neuron wrote something, at whatever token
  for (std::size_t s = 0; s < truth_.sinks.size(); ++s) {
    for (int p = 0; p < static_cast<int>(text.size()); ++p) {
      if (written_ratio(written, s, truth_.sinks[s].layer, p, reading) >= kFiredRatio) fired.insert(p);
    }
  }
  judge(reading.figures, [&](GridRow& row, const Detection& detection) {
    for (const Strong& place : places) {
      ++row.places;
      const Run* run = report_at(detection, place.layer, place.position);
      row.found += run != nullptr ? 1 : 0;
      row.exact += run != nullptr && run->l_start == place.layer ? 1 : 0;
    }
    for (const int position : sinks_of(detection, SinkKind::kSecondary)) {
      ++row.reported;
      row.correct += fired.contains(position) ? 1 : 0;
    }
  });
  add_places(places, reading.figures, &Values::planted);
  std::set<int> layers;
  for (const PlantedSink& sink : truth_.sinks) layers.insert(sink.layer);
  for (const TokenProfile& token : reading.figures.tokens) {
    if (!reading.measurable(token.position) || fired.contains(token.position)) continue;
    for (std::size_t f = 0; f < values_.size(); ++f) {
      for (const int layer : layers) {
        if (const auto value = strength(token, layer, grid_.figures[f], others_)) values_[f].others.push_back(*value);
      }
    }
  }
}

void ThresholdTrial::add_unplanted(std::span<const TokenId> text, const SequenceReading& reading) {
  const std::size_t n = text.size();
  const auto decile = [&](int p) { return static_cast<std::size_t>(p) * kDeciles / n; };
  for (int p = kPrimaryCandidates; p < static_cast<int>(n); ++p) {
    if (reading.measurable(p)) ++grid_.ordinary[decile(p)];
  }
  judge(reading.figures, [&](GridRow& row, const Detection& detection) {
    for (const int p : sinks_of(detection, SinkKind::kSecondary, SinkKind::kUnaligned)) ++row.false_reports[decile(p)];
    for (const int p : sinks_of(detection, SinkKind::kPrimaryLike)) ++row.primary_like[decile(p)];
  });
}

void ThresholdTrial::add_control(const std::string& direction, std::span<const TokenId> text,
                                 const SequenceReading& reading, const Matrix<float>& written) {
  if (direction == "axis") return;
  const std::vector<Strong> places = strong_places(text, reading, written);
  SequenceFigures figures = reading.figures;  // of the places only
  std::erase_if(figures.tokens, [&](const TokenProfile& token) {
    return std::none_of(places.begin(), places.end(), [&](const Strong& p) { return p.position == token.position; });
  });
  judge(figures, [&](GridRow& row, const Detection& detection) {
    Tally& tally = row.controls[direction];
    for (const Strong& place : places) {
      ++tally.places;
      const Run* run = report_at(detection, place.layer, place.position);
      tally.reported += run != nullptr && run->kind == SinkKind::kSecondary ? 1 : 0;
    }
  });
  if (is_no_sink(direction)) add_places(places, figures, &Values::controls);
}

ThresholdGrid ThresholdTrial::grid() const {
  ThresholdGrid grid = grid_;
  for (std::size_t f = 0; f < values_.size(); ++f) {
    FigureAuc& figure = grid.figures[f];
    const Values& values = values_[f];
    figure.planted = static_cast<int>(values.planted.size());
    figure.others = static_cast<int>(values.others.size());
    figure.controls = static_cast<int>(values.controls.size());
    figure.auc_others = area_under_roc(values.planted, values.others);
    figure.auc_controls = area_under_roc(values.planted, values.controls);
  }
  return grid;
}

}  // namespace sinkscope
