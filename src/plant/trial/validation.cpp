#include "plant/trial/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/statistics.h"
#include "base/statistics/ranks.h"
#include "plant/calibration.h"
#include "plant/readings.h"
#include "plant/trial/primary_meter.h"
#include "plant/trial/threshold_grid.h"
#include "plant/trial/write_meter.h"
#include "probe/tee_observer.h"
#include "sinks/every_token.h"

namespace sinkscope {
namespace {

// What is gathered over the texts for one planted sink.
struct Gathered {
  SinkPlaces places;
  std::vector<double> l_start_errors, lifetime_errors, attention_errors, gaps, lifetimes, boosts, ratios;
};

// Two points lie on a line whatever they are.
std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b) {
  return a.size() < 3 ? std::nullopt : spearman(a, b);
}

void score_place(const SequenceReading& reading, int position, SinkScore& score, Gathered& gathered) {
  const int layer = score.truth.layer;
  if (!reading.measurable(position)) {
    ++score.unscored;
    return;
  }
  ++score.places;
  const auto column = static_cast<std::size_t>(position);
  const float ratio = reading.norm_ratio(static_cast<std::size_t>(layer), column);
  if (!std::isnan(ratio)) gathered.ratios.push_back(static_cast<double>(ratio));
  const Run* run = reading.sink_at(position, layer);
  if (run == nullptr) return;
  ++score.found;
  if (run->l_start == layer) ++score.exact;
  if (run->kind == SinkKind::kSecondary) ++score.secondary;
  gathered.l_start_errors.push_back(std::abs(run->l_start - layer));
  if (score.truth.lifetime) gathered.lifetime_errors.push_back(std::abs(run->lifetime - *score.truth.lifetime));
  if (run->attention_lifetime) {
    gathered.lifetimes.push_back(*run->attention_lifetime);
    if (score.truth.attention_lifetime) {
      gathered.attention_errors.push_back(std::abs(*run->attention_lifetime - *score.truth.attention_lifetime));
    }
  }
  if (run->logit_gap) gathered.gaps.push_back(static_cast<double>(*run->logit_gap));
  if (run->far_boost_median) gathered.boosts.push_back(static_cast<double>(*run->far_boost_median));
}

void finish(SinkScore& score, Gathered& gathered) {
  score.l_start_error = quantile_of(std::move(gathered.l_start_errors), 0.5);
  score.lifetime_error = quantile_of(std::move(gathered.lifetime_errors), 0.5);
  score.attention_lifetime_error = quantile_of(std::move(gathered.attention_errors), 0.5);
  score.logit_gap = quantile_of(std::move(gathered.gaps), 0.5);
  score.attention_lifetime = quantile_of(std::move(gathered.lifetimes), 0.5);
  score.far_boost = quantile_of(std::move(gathered.boosts), 0.5);
  score.norm_ratio = quantile_of(std::move(gathered.ratios), 0.5);
}

// run  nullptr: not found
void count_place(Validation::Total& total, const Run* run, int layer) {
  ++total.places;
  if (run != nullptr) {
    ++total.found;
    total.exact += run->l_start == layer ? 1 : 0;
    total.secondary += run->kind == SinkKind::kSecondary ? 1 : 0;
    total.exact_frac = static_cast<double>(total.exact) / total.found;
  }
  total.recall = static_cast<double>(total.found) / total.places;
}

// Places where the unplanted model shows secondary sinks of its own.
std::set<int> natural_places(const SequenceReading& base) {
  std::set<int> places;
  for (const Run& run : base.detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind == SinkKind::kSecondary) places.insert(run.position);
  }
  return places;
}

// Every reported sink is right, wrong, or a natural one that the truth says nothing of.
void judge_reports(const SequenceReading& reading, const std::set<int>& natural, std::span<const TokenId> text,
                   const std::vector<Gathered>& sinks, const Matrix<float>& written, Validation& validation) {
  for (const Run& run : reading.detection.runs) {
    if (run.verdict != Verdict::kSink || run.position < kPrimaryCandidates) continue;
    bool planted = false, fired = false;
    for (std::size_t s = 0; s < sinks.size(); ++s) {
      planted = planted || sinks[s].places.wanted(text, run.position);
      fired = fired || written_ratio(written, s, validation.sinks[s].truth.layer, run.position, reading) >= kFiredRatio;
    }
    if (!planted && (run.kind != SinkKind::kSecondary || natural.contains(run.position))) {
      ++validation.natural;
      continue;
    }
    ++validation.reported;
    if (planted) {
      ++validation.correct;
    } else if (fired) {
      ++validation.spilled;
    }
  }
}

struct PrimaryScores {
  double sum = 0;
  int count = 0;
  void add(const std::optional<float>& score) {
    if (!score) return;
    sum += static_cast<double>(*score);
    ++count;
  }
};

void check_same(const Model& model, const PlantTruth& truth, const char* which) {
  const ModelFacts& facts = model.facts();
  if (facts.arch != truth.arch || facts.n_layers != truth.n_layers || facts.d_model != truth.d_model) {
    throw Error(
        ErrorCode::kInput,
        fmt::format("truth: expected the {} model to be {} with {} layers of width {}; got {} with {} layers of "
                    "width {}; give the truth file that belongs to the model",
                    which, truth.arch, truth.n_layers, truth.d_model, facts.arch, facts.n_layers, facts.d_model));
  }
}

}  // namespace

Validation validate_sinks(Model& planted, Model* base, WriteMeter& writes, const PlantTruth& truth,
                          const Sequences& texts, const ValidateOptions& options) {
  check_same(planted, truth, "planted");
  if (base != nullptr) check_same(*base, truth, "unplanted");
  Validation validation;
  std::vector<Gathered> gathered;
  int last_layer = 0;
  for (const PlantedSink& sink : truth.sinks) {
    validation.sinks.push_back({});
    validation.sinks.back().truth = sink;
    gathered.push_back({{sink.token, sink.after}, {}, {}, {}, {}, {}, {}, {}});
    last_layer = std::max(last_layer, sink.layer);
  }
  const int block = std::min(last_layer + 1, truth.n_layers - 1);
  const int min_distance = RunOptions{}.min_distance;
  const CandidateFloor floor = options.trial == nullptr ? CandidateFloor{} : kEveryToken;
  PrimaryMeter primary(block, min_distance), base_primary(block, min_distance);
  PrimaryScores scores, base_scores;
  std::vector<double> norms, gaps, ended_norms, ended_lifetimes;
  for (const auto& text : texts) {
    primary.begin(truth.primary_position);
    writes.begin(static_cast<int>(text.size()));
    TeeObserver both(primary, writes);
    const SequenceReading reading = read_sequence(planted, text, both, options.thresholds, options.should_stop, floor);
    if (options.trial != nullptr) options.trial->add_planted(text, reading, writes.written());
    ++validation.n_sequences;
    validation.n_tokens += static_cast<int>(text.size());
    for (std::size_t s = 0; s < gathered.size(); ++s) {
      for (int p = 0; p < static_cast<int>(text.size()); ++p) {
        SinkScore& score = validation.sinks[s];
        if (gathered[s].places.wanted(text, p)) {
          score_place(reading, p, score, gathered[s]);
          if (!reading.measurable(p)) continue;
          const Run* run = reading.sink_at(p, score.truth.layer);
          count_place(validation.all, run, score.truth.layer);
          if (written_ratio(writes.written(), s, score.truth.layer, p, reading) >= kStrongRatio) {
            count_place(validation.strong, run, score.truth.layer);
          }
          if (run == nullptr) continue;
          if (run->logit_gap) {
            norms.push_back(score.truth.norm);
            gaps.push_back(static_cast<double>(*run->logit_gap));
          }
          if (run->attention_lifetime && !run->censored) {
            ended_norms.push_back(score.truth.norm);
            ended_lifetimes.push_back(*run->attention_lifetime);
          }
        } else if (gathered[s].places.unwanted(text, p) && reading.measurable(p) &&
                   std::binary_search(score.truth.not_after.begin(), score.truth.not_after.end(),
                                      text[static_cast<std::size_t>(p) - 1])) {
          ++score.controls;
          const Run* run = reading.sink_at(p, score.truth.layer);
          if (run != nullptr && run->l_start == score.truth.layer) ++score.controls_reported;
        }
      }
    }
    scores.add(primary.score());
    std::set<int> natural;
    if (base != nullptr) {
      base_primary.begin(truth.primary_position);
      const SequenceReading unplanted =
          read_sequence(*base, text, base_primary, options.thresholds, options.should_stop, floor);
      if (options.trial != nullptr) options.trial->add_unplanted(text, unplanted);
      base_scores.add(base_primary.score());
      natural = natural_places(unplanted);
    }
    judge_reports(reading, natural, text, gathered, writes.written(), validation);
  }
  for (std::size_t s = 0; s < gathered.size(); ++s) finish(validation.sinks[s], gathered[s]);
  if (validation.reported > 0) {
    validation.precision = static_cast<double>(validation.correct + validation.spilled) / validation.reported;
    validation.token_precision = static_cast<double>(validation.correct) / validation.reported;
  }
  validation.spearman_logit_gap = rank_correlation(norms, gaps);
  validation.spearman_attention_lifetime = rank_correlation(ended_norms, ended_lifetimes);
  if (base != nullptr && scores.count > 0 && base_scores.count > 0) {
    validation.primary = PrimaryChange{block, scores.sum / scores.count, base_scores.sum / base_scores.count,
                                       primary.logit(), base_primary.logit()};
  }
  return validation;
}

}  // namespace sinkscope
