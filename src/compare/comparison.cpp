#include "compare/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/statistics.h"
#include "base/statistics/document_draws.h"

namespace sinkscope {
namespace {

struct Figure {
  std::string_view name;
  bool is_ratio;
  std::optional<float> Run::* member;
};
constexpr std::array kFigures = {Figure{"far_boost_median", true, &Run::far_boost_median},
                                 Figure{"far_z_median", false, &Run::far_z_median},
                                 Figure{"norm_ratio_median", true, &Run::norm_ratio_median},
                                 Figure{"logit_gap", false, &Run::logit_gap},
                                 Figure{"score_mean", false, &Run::score_mean}};

std::optional<double> change_of(const SinkChange& sink, const Figure& figure) {
  if (!sink.before || !sink.after) return std::nullopt;
  const auto before = (*sink.before).*figure.member, after = (*sink.after).*figure.member;
  if (!before || !after) return std::nullopt;
  if (!figure.is_ratio) return static_cast<double>(*after) - static_cast<double>(*before);
  if (!(*before > 0)) return std::nullopt;
  return static_cast<double>(*after) / static_cast<double>(*before);
}

FigureChange figure_change(std::span<const DocumentChanges> documents, const Figure& figure, std::uint64_t seed) {
  std::vector<std::vector<double>> by_document;
  std::vector<double> all;
  for (const DocumentChanges& document : documents) {
    std::vector<double> values;
    for (const SinkChange& sink : document.sinks) {
      if (const auto change = change_of(sink, figure)) values.push_back(*change);
    }
    all.insert(all.end(), values.begin(), values.end());
    if (!values.empty()) by_document.push_back(std::move(values));
  }
  FigureChange change;
  change.name = figure.name;
  change.is_ratio = figure.is_ratio;
  change.n = std::ssize(all);
  if (all.empty()) return change;
  change.median = median_of(all);
  change.p05 = quantile_of(all, 0.05);
  change.p95 = quantile_of(all, 0.95);
  if (by_document.size() < kEnoughCompared) return change;
  change.median_interval_95 =
      bootstrap_interval(by_document.size(), {.seed = seed}, [&](std::span<const std::uint32_t> weights) {
        std::vector<double> drawn;
        for (std::size_t i = 0; i < by_document.size(); ++i) {
          for (std::uint32_t times = 0; times < weights[i]; ++times) {
            drawn.insert(drawn.end(), by_document[i].begin(), by_document[i].end());
          }
        }
        return drawn.empty() ? std::nullopt : std::optional<double>(median_of(drawn));
      });
  return change;
}

void compare_sets(std::span<const DocumentChanges> documents, std::uint64_t seed, Comparison& comparison) {
  std::vector<std::pair<double, double>> sets;  // of each document with sinks: in both, in either
  for (const DocumentChanges& document : documents) {
    if (const int either = document.n_either(); either > 0) sets.emplace_back(document.n_both(), either);
  }
  comparison.n_with_sinks = std::ssize(sets);
  const auto jaccard = [&](std::span<const std::uint32_t> weights) -> std::optional<double> {
    double both = 0, either = 0;
    for (std::size_t i = 0; i < sets.size(); ++i) {
      both += weights[i] * sets[i].first;
      either += weights[i] * sets[i].second;
    }
    return either > 0 ? std::optional(both / either) : std::nullopt;
  };
  comparison.jaccard = jaccard(std::vector<std::uint32_t>(sets.size(), 1));
  if (sets.size() >= kEnoughCompared) comparison.jaccard_interval_95 = bca_interval(sets.size(), {.seed = seed}, jaccard);
}

}  // namespace

Comparison compare(std::span<const DocumentChanges> as_listed, std::uint64_t seed) {
  std::vector<std::string> keys;
  for (const DocumentChanges& document : as_listed) keys.push_back(document.key);
  std::vector<DocumentChanges> documents;
  for (const std::size_t place : order_of_draws(keys)) documents.push_back(as_listed[place]);
  Comparison comparison;
  comparison.n_documents = std::ssize(documents);
  for (const DocumentChanges& document : documents) {
    comparison.n_kept += document.count(SinkFate::kKept);
    comparison.n_moved += document.count(SinkFate::kMoved);
    comparison.n_lost += document.count(SinkFate::kLost);
    comparison.n_gained += document.count(SinkFate::kGained);
    comparison.n_marginal += std::ranges::count(document.sinks, true, &SinkChange::marginal);
    comparison.n_other_kind += std::ranges::count(document.sinks, true, &SinkChange::other_kind);
    comparison.n_other_primary += document.primary_before != document.primary_after ? 1 : 0;
    comparison.n_other_birth += document.birth_before != document.birth_after ? 1 : 0;
  }
  comparison.n_before = comparison.n_kept + comparison.n_moved + comparison.n_lost;
  comparison.n_after = comparison.n_kept + comparison.n_moved + comparison.n_gained;
  compare_sets(documents, seed, comparison);
  for (const Figure& figure : kFigures) comparison.figures.push_back(figure_change(documents, figure, seed));
  return comparison;
}

}  // namespace sinkscope
