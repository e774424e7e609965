#include "formation/formation_claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"
#include "base/statistics/permutation.h"
#include "base/statistics/several_tests.h"

namespace sinkscope {
namespace {

struct Tally {
  int n = 0, hits = 0;
  std::set<int> sequences;

  void add(int sequence, bool hit) {
    ++n;
    hits += hit ? 1 : 0;
    sequences.insert(sequence);
  }
};

Tally tally(std::span<const FormationCase> cases, std::optional<bool> FormationCase::* member) {
  Tally result;
  for (const FormationCase& one : cases) {
    if (one.*member) result.add(one.sequence, *(one.*member));
  }
  return result;
}

// Fraction formed, by a bootstrap over sequences. Of all or none a bootstrap has no width: the exact interval then,
// which takes sinks as independent.
std::optional<Interval> interval_of(std::span<const FormationCase> cases, const Tally& formed,
                                    const ExplainOptions& options) {
  if (formed.hits == 0 || formed.hits == formed.n) return clopper_pearson(formed.hits, formed.n);
  std::map<int, std::pair<double, double>> by_sequence;  // hits, n
  for (const FormationCase& one : cases) {
    if (!one.formed) continue;
    by_sequence[one.sequence].first += *one.formed ? 1 : 0;
    by_sequence[one.sequence].second += 1;
  }
  std::vector<std::pair<double, double>> counts;
  for (const auto& [sequence, count] : by_sequence) counts.push_back(count);
  return bootstrap_interval(counts.size(), {options.n_bootstraps, options.seed, 0.95},
                            [&](std::span<const std::uint32_t> weights) -> std::optional<double> {
                              double hits = 0, n = 0;
                              for (std::size_t i = 0; i < counts.size(); ++i) {
                                hits += weights[i] * counts[i].first;
                                n += weights[i] * counts[i].second;
                              }
                              return hits / n;
                            });
}

// "MLP 5 (share 0.92, neuron 956)", of the part that is largest in most sinks.
std::string maker(std::span<const FormationCase> cases) {
  std::map<std::pair<int, int>, std::vector<const FormationCase*>> by_part;
  for (const FormationCase& one : cases) {
    if (one.formed) by_part[{static_cast<int>(one.largest.kind), one.largest.layer}].push_back(&one);
  }
  const auto commonest = std::ranges::max_element(by_part, {}, [](const auto& part) { return part.second.size(); });
  const auto& members = commonest->second;
  std::vector<double> shares;
  std::map<int, int> neurons;
  for (const FormationCase* one : members) {
    shares.push_back(one->share);
    if (one->neuron) ++neurons[*one->neuron];
  }
  std::string text =
      fmt::format("{} (share {:.2f}", text_of(members.front()->largest), median_of(std::span<double>(shares)));
  if (!neurons.empty()) {
    const auto neuron = std::ranges::max_element(neurons, {}, [](const auto& count) { return count.second; });
    text += fmt::format(", neuron {}", neuron->first);
    if (neuron->second < static_cast<int>(members.size())) {
      text += fmt::format(" in {} of {}", neuron->second, members.size());
    }
  }
  text += ")";
  if (by_part.size() > 1) text += fmt::format(" in {} of them", members.size());
  return text;
}

// (b) and (c): fractions of edited sinks whose attention goes.
Claim removal_claim(std::span<const FormationCase> cases, std::optional<bool> FormationCase::* member,
                    const std::string& name, const std::string& what, const std::string& kind,
                    const ExplainOptions& options) {
  const Tally removed = tally(cases, member), placebo = tally(cases, &FormationCase::placebo_removed);
  const Needed needed{options.min_edited, 1};
  if (removed.n < options.min_edited) {
    return not_enough(name, kind, removed.n, static_cast<int>(removed.sequences.size()), needed, "edited sink");
  }
  Claim claim;
  claim.claim = name;
  claim.kind = kind;
  claim.n_sinks = removed.n;
  claim.n_sequences = static_cast<int>(removed.sequences.size());
  claim.needs = text_of(needed, "edited sink");
  claim.effect = static_cast<double>(removed.hits) / removed.n;
  claim.unit = "fraction of edited sinks whose attention is removed";
  claim.interval_95 = clopper_pearson(removed.hits, removed.n);
  claim.verdict = verdict_of(claim.interval_95);
  claim.sentence = fmt::format("without {} {} of {} lose their attention", what, removed.hits, removed.n);
  if (placebo.n == 0) return claim;
  claim.null = static_cast<double>(placebo.hits) / placebo.n;
  claim.sentence += fmt::format("; placebo {} of {}", placebo.hits, placebo.n);
  if (*claim.null > options.max_placebo) claim.verdict = ClaimVerdict::kUnclear;
  return claim;
}

ClaimVerdict both(ClaimVerdict a, ClaimVerdict b) {
  if (a == ClaimVerdict::kNo || b == ClaimVerdict::kNo) return ClaimVerdict::kNo;
  if (a == ClaimVerdict::kYes && b == ClaimVerdict::kYes) return ClaimVerdict::kYes;
  return ClaimVerdict::kUnclear;
}

}  // namespace

std::vector<LayerEffect> layer_effects(std::span<const FormationCase> cases, const ExplainOptions& options) {
  std::vector<const FormationCase*> usable;
  for (const FormationCase& one : cases) {
    if (one.control_mlp_axis.rows() > 0) usable.push_back(&one);
  }
  if (usable.empty()) return {};
  const std::size_t n_layers = usable.front()->mlp_axis.size();
  // [case] of [member, layer]: what the difference would be if that member were the sink; member 0 is.
  std::vector<Matrix<double>> differences;
  for (const FormationCase* one : usable) {
    const std::size_t n_controls = one->control_mlp_axis.rows();
    Matrix<double> of_members(n_controls + 1, n_layers);
    for (std::size_t l = 0; l < n_layers; ++l) {
      const auto value = [&](std::size_t member) {
        return static_cast<double>(member == 0 ? one->mlp_axis[l] : one->control_mlp_axis(member - 1, l));
      };
      double sum = 0;
      for (std::size_t member = 0; member <= n_controls; ++member) sum += value(member);
      for (std::size_t member = 0; member <= n_controls; ++member) {
        of_members(member, l) = value(member) - (sum - value(member)) / static_cast<double>(n_controls);
      }
    }
    differences.push_back(std::move(of_members));
  }
  const auto n = static_cast<double>(usable.size());
  std::vector<double> observed(n_layers), drawn(n_layers);
  for (const Matrix<double>& of_members : differences) {
    for (std::size_t l = 0; l < n_layers; ++l) observed[l] += of_members(0, l) / n;
  }
  std::vector<int> extreme(n_layers);
  for (int draw = 0; draw < options.n_permutations; ++draw) {
    RandomStream random(options.seed, static_cast<std::uint64_t>(draw));
    std::ranges::fill(drawn, 0);
    for (const Matrix<double>& of_members : differences) {
      const auto row = of_members.row(random.below(of_members.rows()));
      for (std::size_t l = 0; l < n_layers; ++l) drawn[l] += row[l] / n;
    }
    for (std::size_t l = 0; l < n_layers; ++l) {
      if (std::abs(drawn[l]) >= std::abs(observed[l]) * (1 - 1e-12)) ++extreme[l];
    }
  }
  std::vector<double> p;
  for (const int count : extreme) p.push_back(static_cast<double>(1 + count) / (1 + options.n_permutations));
  const std::vector<double> q = benjamini_hochberg(p);
  std::vector<LayerEffect> effects;
  for (std::size_t l = 0; l < n_layers; ++l) {
    LayerEffect effect{static_cast<int>(l), observed[l], p[l], q[l], ""};
    if (effect.q <= options.discovery && std::abs(effect.mean) >= options.named_height) {
      effect.effect = effect.mean > 0 ? "forming" : "removing";
    }
    effects.push_back(std::move(effect));
  }
  return effects;
}

FormationClaims formation_claims(std::span<const FormationCase> cases, const FormationNull& null,
                                 const std::string& kind, const ExplainOptions& options) {
  FormationClaims result;
  result.null = null;
  const Tally formed = tally(cases, &FormationCase::formed);
  const Needed needed{options.min_sinks, options.min_sequences};
  const auto n_sequences = static_cast<int>(formed.sequences.size());
  Claim together = removal_claim(cases, &FormationCase::together_removed, "formation_together",
                                 "the axis parts of their MLPs together", kind, options);
  Claim single = removal_claim(cases, &FormationCase::single_removed, "formation_single",
                               "the axis part of a single MLP", kind, options);
  if (formed.n < needed.sinks || n_sequences < needed.sequences) {
    result.claims.push_back(not_enough("formation", kind, formed.n, n_sequences, needed));
  } else {
    Claim claim;
    claim.claim = "formation";
    claim.kind = kind;
    claim.n_sinks = formed.n;
    claim.n_sequences = n_sequences;
    claim.needs = text_of(needed);
    claim.effect = static_cast<double>(formed.hits) / formed.n;
    claim.unit = "fraction of sinks that MLPs form along the axis";
    claim.interval_95 = interval_of(cases, formed, options);
    if (null.n_pretended > 0) claim.null = static_cast<double>(null.pretended_formed) / null.n_pretended;
    claim.verdict = both(verdict_of(claim.interval_95), together.verdict);
    claim.sentence = fmt::format("{} of {} made by MLPs, first of all {}", formed.hits, formed.n, maker(cases));
    claim.sentence += "; " + together.sentence;
    result.layers = layer_effects(cases, options);
    result.claims.push_back(std::move(claim));
  }
  result.claims.push_back(std::move(together));
  result.claims.push_back(std::move(single));
  return result;
}

}  // namespace sinkscope
