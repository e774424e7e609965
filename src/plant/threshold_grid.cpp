#include "plant/threshold_grid.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "plant/calibration.h"
#include "plant/readings.h"
#include "plant/validation.h"

namespace sinkscope {
namespace {

using Pick = LayerFigures TokenProfile::*;

constexpr std::array<std::pair<const char*, Pick>, 3> kAlignments = {{{"raw", &TokenProfile::alignment},
                                                                      {"centred", &TokenProfile::centred_alignment},
                                                                      {"read", &TokenProfile::read_alignment}}};
constexpr std::array<float, 5> kMinAlignments = {0.5F, 0.7F, 0.8F, 0.9F, 0.95F};
constexpr std::array<float, 3> kMinNormRatios = {2, 3, 5};
constexpr std::array<float, 3> kMinFarBoosts = {3, 5, 8};
constexpr std::size_t kDeciles = 10;
constexpr int kLayersShown = 4;  // from the planted layer on, that a figure's median is of

SequenceFigures with_alignment(SequenceFigures figures, Pick pick) {
  if (pick == &TokenProfile::alignment) return figures;
  for (TokenProfile& token : figures.tokens) token.alignment = token.*pick;
  return figures;
}

// A planted or ordinary token of one text.
bool is_place(const std::vector<PlantedSink>& sinks, std::span<const TokenId> text, int position) {
  return std::any_of(sinks.begin(), sinks.end(), [&](const PlantedSink& sink) {
    return SinkPlaces{sink.token, sink.after}.wanted(text, position);
  });
}

struct Text {
  std::span<const TokenId> tokens;
  SequenceReading reading;
};

void score_planted(const Text& text, const Detection& detection, const std::vector<PlantedSink>& sinks, GridRow& row) {
  for (const PlantedSink& sink : sinks) {
    if (sink.norm_ratio.value_or(0) < kStrongRatio) continue;
    const SinkPlaces places{sink.token, sink.after};
    for (int p = 0; p < static_cast<int>(text.tokens.size()); ++p) {
      if (places.wanted(text.tokens, p) && text.reading.measurable(p)) ++row.places;
    }
    for (const Run& run : detection.runs) {
      const bool there = run.l_start <= sink.layer && sink.layer <= run.l_end;
      if (run.verdict != Verdict::kSink || run.kind == SinkKind::kUnaligned || !there) continue;
      if (!places.wanted(text.tokens, run.position)) continue;
      ++row.found;
      if (run.l_start == sink.layer) ++row.exact;
    }
  }
  std::set<int> reported;
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind == SinkKind::kSecondary && run.position >= kPrimaryCandidates) {
      reported.insert(run.position);
    }
  }
  for (const int position : reported) {
    ++row.reported;
    if (is_place(sinks, text.tokens, position)) ++row.correct;
  }
}

struct Deciles {
  std::array<int, kDeciles> tokens{}, reports{};
};

void score_ordinary(const Text& text, const Detection& detection, Deciles& deciles) {
  const std::size_t n = text.tokens.size();
  const auto decile = [&](int p) { return static_cast<std::size_t>(p) * kDeciles / n; };
  for (int p = kPrimaryCandidates; p < static_cast<int>(n); ++p) {
    if (text.reading.measurable(p)) ++deciles.tokens[decile(p)];
  }
  std::set<int> reported;
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind == SinkKind::kSecondary && run.position >= kPrimaryCandidates) {
      reported.insert(run.position);
    }
  }
  for (const int position : reported) ++deciles.reports[decile(position)];
}

// The median of a figure over a few layers; nothing if it is not measured in any.
std::optional<double> median_over(const LayerFigures& figures, int first) {
  std::vector<double> values;
  const int end = std::min(first + kLayersShown, static_cast<int>(figures.size()));
  for (int l = first; l < end; ++l) {
    if (const auto& value = figures[static_cast<std::size_t>(l)]) values.push_back(static_cast<double>(*value));
  }
  if (values.empty()) return std::nullopt;
  return quantile(values, 0.5);
}

std::vector<FigureAuc> aucs_of(const std::vector<Text>& texts, const std::vector<PlantedSink>& sinks) {
  struct Figure {
    const char* name;
    Pick pick;
    int shift;  // attention of block l + 1 reads h_l
  };
  static constexpr std::array<Figure, 5> kFigures = {{{"raw alignment", &TokenProfile::alignment, 0},
                                                      {"centred alignment", &TokenProfile::centred_alignment, 0},
                                                      {"read alignment", &TokenProfile::read_alignment, 0},
                                                      {"norm ratio", &TokenProfile::norm_ratio, 0},
                                                      {"far boost", &TokenProfile::far_boost, 1}}};
  std::set<int> layers;
  for (const PlantedSink& sink : sinks) layers.insert(sink.layer);
  std::vector<FigureAuc> aucs;
  for (const Figure& figure : kFigures) {
    std::vector<double> planted, others;
    for (const Text& text : texts) {
      for (const TokenProfile& token : text.reading.figures.tokens) {
        if (!text.reading.measurable(token.position)) continue;
        bool place = false;
        for (const PlantedSink& sink : sinks) {
          if (!SinkPlaces{sink.token, sink.after}.wanted(text.tokens, token.position)) continue;
          place = true;
          if (const auto value = median_over(token.*figure.pick, sink.layer + figure.shift)) planted.push_back(*value);
        }
        for (const int layer : layers) {
          if (place) break;
          if (const auto value = median_over(token.*figure.pick, layer + figure.shift)) others.push_back(*value);
        }
      }
    }
    aucs.push_back({figure.name, static_cast<int>(planted.size()), static_cast<int>(others.size()),
                    area_under_curve(planted, others)});
  }
  return aucs;
}

std::vector<Text> read_texts(Model& model, const Sequences& texts, const Thresholds& thresholds,
                             const std::function<bool()>& should_stop) {
  std::vector<Text> read;
  NoObserver nobody;
  // Every token is kept: other thresholds must not be cut off by the usual floor.
  const CandidateFloor everything{.alignment = -1, .norm_ratio = 0, .unaligned_far_boost = 0};
  for (const auto& text : texts) {
    read.push_back({text, read_sequence(model, text, nobody, thresholds, should_stop, everything)});
  }
  return read;
}

}  // namespace

std::optional<double> area_under_curve(const std::vector<double>& high, const std::vector<double>& low) {
  if (high.empty() || low.empty()) return std::nullopt;
  std::vector<double> sorted = low;
  std::sort(sorted.begin(), sorted.end());
  double wins = 0;
  for (const double value : high) {
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), value);
    const auto above = std::upper_bound(below, sorted.end(), value);
    wins += static_cast<double>(below - sorted.begin()) + 0.5 * static_cast<double>(above - below);
  }
  return wins / static_cast<double>(high.size()) / static_cast<double>(low.size());
}

ThresholdGrid try_thresholds(Model& planted, Model* base, const PlantTruth& truth, const Sequences& texts,
                             const Thresholds& others, const std::function<bool()>& should_stop) {
  const std::vector<Text> with = read_texts(planted, texts, others, should_stop);
  const std::vector<Text> without =
      base == nullptr ? std::vector<Text>{} : read_texts(*base, texts, others, should_stop);
  ThresholdGrid grid;
  grid.figures = aucs_of(with, truth.sinks);
  for (const auto& [name, pick] : kAlignments) {
    std::vector<SequenceFigures> with_figures, without_figures;
    for (const Text& text : with) with_figures.push_back(with_alignment(text.reading.figures, pick));
    for (const Text& text : without) without_figures.push_back(with_alignment(text.reading.figures, pick));
    for (const float alignment : kMinAlignments) {
      for (const float norm_ratio : kMinNormRatios) {
        for (const float far_boost : kMinFarBoosts) {
          Thresholds thresholds = others;
          thresholds.min_alignment = alignment;
          thresholds.min_norm_ratio = norm_ratio;
          thresholds.min_far_boost = far_boost;
          GridRow row;
          row.alignment = name;
          row.min_alignment = alignment;
          row.min_norm_ratio = norm_ratio;
          row.min_far_boost = far_boost;
          for (std::size_t t = 0; t < with.size(); ++t) {
            score_planted(with[t], detect_by_evidence(with_figures[t], thresholds), truth.sinks, row);
          }
          Deciles deciles;
          for (std::size_t t = 0; t < without.size(); ++t) {
            score_ordinary(without[t], detect_by_evidence(without_figures[t], thresholds), deciles);
          }
          for (std::size_t d = 0; d < kDeciles; ++d) {
            row.ordinary += deciles.tokens[d];
            row.false_reports += deciles.reports[d];
            if (deciles.tokens[d] == 0) continue;
            row.worst_decile_frac =
                std::max(row.worst_decile_frac, static_cast<double>(deciles.reports[d]) / deciles.tokens[d]);
          }
          grid.rows.push_back(row);
        }
      }
    }
  }
  return grid;
}

}  // namespace sinkscope
