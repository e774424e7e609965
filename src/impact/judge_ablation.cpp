#include "impact/judge_ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "base/index.h"
#include "base/statistics/permutation.h"
#include "base/statistics/several_tests.h"
#include "base/words.h"
#include "impact/mean_interval.h"

namespace sinkscope {
namespace {

constexpr std::array<const char*, 7> kVerdicts = {"not enough",       "no effect",
                                                  "competition only", "weakened beyond competition",
                                                  "supported by the sinks", "replaced", "undecided"};
constexpr std::array<const char*, 5> kTokenVerdicts = {"not enough", "matters", "negligible",
                                                       "changes but does not hurt", "undecided"};
constexpr double kMaxQ = 0.05;

struct Quantity {
  const char* name;
  double LogChanges::*of_logs;  // null: the score
};
constexpr std::array<Quantity, 7> kQuantities = {{{"score", nullptr},
                                                  {"competition_score", &LogChanges::competition_score},
                                                  {"log_a", &LogChanges::log_a},
                                                  {"own_logit", &LogChanges::own_logit},
                                                  {"competition", &LogChanges::competition},
                                                  {"other_keys", &LogChanges::other_keys},
                                                  {"log_odds", &LogChanges::log_odds}}};

std::optional<double> value_of(const std::optional<BlockEffect>& effect, const std::string& quantity) {
  if (!effect) return std::nullopt;
  const auto found = std::ranges::find(kQuantities, quantity, &Quantity::name);
  if (found->of_logs == nullptr) return effect->score;
  return effect->logs ? std::optional(*effect->logs.*found->of_logs) : std::nullopt;
}

std::optional<double> mean_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// One document, or one of its chunks.
struct Difference {
  double removed, placebo;
};
using Measure = std::function<std::optional<double>(const SequenceAblation&, const EditedRun&)>;

// Removed and placebo of each document: the mean over its chunks. By the documents' names, so that draws do not depend on how
// the file lists them.
std::vector<Difference> by_document(const std::vector<SequenceAblation>& sequences, const Measure& measure) {
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> units;
  for (const SequenceAblation& sequence : sequences) {
    const auto removed = measure(sequence, sequence.edited);
    std::vector<double> draws;
    for (const EditedRun& draw : sequence.placebo_runs) {
      if (const auto value = measure(sequence, draw)) draws.push_back(*value);
    }
    if (!removed || draws.empty()) continue;
    auto& [all_removed, all_placebo] = units[sequence.unit];
    all_removed.push_back(*removed);
    all_placebo.push_back(*mean_of(draws));
  }
  std::vector<Difference> differences;
  for (const auto& [unit, values] : units) {
    const auto& [removed, placebo] = values;
    differences.push_back({*mean_of(removed), *mean_of(placebo)});
  }
  return differences;
}

AblationEffect effect_over(const std::vector<Difference>& documents, const EditHow& how, const char* quantity,
                           std::optional<int> block, const AblateRequest& request) {
  AblationEffect effect;
  effect.how = how;
  effect.quantity = quantity;
  effect.block = block;
  effect.n_documents = static_cast<int>(documents.size());
  std::vector<double> removed, placebo, d;
  for (const Difference& one : documents) {
    removed.push_back(one.removed);
    placebo.push_back(one.placebo);
    d.push_back(one.removed - one.placebo);
  }
  effect.removed = mean_of(removed);
  effect.placebo = mean_of(placebo);
  effect.difference = mean_of(d);
  if (effect.n_documents < request.min_documents) return effect;
  effect.interval = mean_interval(d, request.n_resamples, request.seed);
  effect.p = p_sign_flip(d, {request.n_resamples, request.seed});
  return effect;
}

void adjust(std::span<AblationEffect*> effects, const std::function<std::vector<double>(std::span<const double>)>& by) {
  std::vector<double> p;
  for (const AblationEffect* effect : effects) {
    if (effect->p) p.push_back(*effect->p);
  }
  const std::vector<double> q = by(p);
  std::size_t next = 0;
  for (AblationEffect* effect : effects) {
    if (effect->p) effect->q = q[next++];
  }
}

bool within(const AblationEffect& effect, double margin) {
  return effect.interval && effect.interval->low >= -margin && effect.interval->high <= margin;
}
bool above(const AblationEffect& effect, double bound) {
  return effect.interval && effect.interval->low > bound && effect.q && *effect.q <= kMaxQ;
}
bool below(const AblationEffect& effect, double bound) {
  return effect.interval && effect.interval->high < bound && effect.q && *effect.q <= kMaxQ;
}

std::pair<int, int> endpoint_blocks(const SequenceAblation& ablation) {
  int first = ablation.removed.front().l_start, last = 0;
  for (const RemovedToken& token : ablation.removed) {
    first = std::min(first, token.l_start);
    last = std::max(last, token.l_end);
  }
  return {first + 1, std::min(last + 1, static_cast<int>(ablation.base.size()) - 1)};
}

std::optional<double> replaced_mass(const SequenceAblation& ablation) {
  const auto [first, last] = endpoint_blocks(ablation);
  std::vector<double> masses;
  for (int b = first; b <= last; ++b) {
    const auto& effect = ablation.edited.blocks[index(b)];
    if (effect && effect->replaced_mass) masses.push_back(*effect->replaced_mass);
  }
  return mean_of(masses);
}

JudgedEdit count_replaced(const std::vector<SequenceAblation>& sequences, const EditHow& how) {
  JudgedEdit judged;
  judged.how = how;
  std::map<std::string, bool> units;
  std::vector<double> masses;
  for (const SequenceAblation& sequence : sequences) {
    const auto n_new = std::ssize(sequence.edited.detection.new_sinks);
    units[sequence.unit] = units[sequence.unit] || n_new > 0;
    judged.n_new_sinks += n_new;
    for (const EditedRun& draw : sequence.placebo_runs) {
      judged.n_new_placebo_sinks += std::ssize(draw.detection.new_sinks);
    }
    if (const auto mass = replaced_mass(sequence)) masses.push_back(*mass);
  }
  judged.n_documents = static_cast<int>(units.size());
  judged.n_replaced = static_cast<int>(std::ranges::count_if(units, [](const auto& unit) { return unit.second; }));
  judged.replaced_mass = mean_of(masses);
  return judged;
}

std::string shown(const AblationEffect& effect, const char* name) {
  if (!effect.difference) return fmt::format("{} not measured", name);
  const std::string text = fmt::format("{} {}", name, signed_fixed(*effect.difference, 3));
  if (!effect.interval) return text;
  return fmt::format("{} [{}, {}]", text, signed_fixed(effect.interval->low, 3), signed_fixed(effect.interval->high, 3));
}

std::string not_enough(const AblationEffect& effect, const AblateRequest& request) {
  return fmt::format("{}, {} needed", counted(effect.n_documents, "document"), request.min_documents);
}

std::string reason_for(const JudgedEdit& edit, const AblateRequest& request) {
  if (edit.verdict == AblationVerdict::kNotEnough) return not_enough(edit.score, request);
  std::string reason =
      fmt::format("{}, {} against placebo; margins {} and {}", shown(edit.score, "score"),
                  shown(edit.log_odds, "log odds"), request.score_margin, request.log_odds_margin);
  if (edit.verdict == AblationVerdict::kReplaced) {
    reason += fmt::format("; {} in {} of {}", counted(edit.n_new_sinks, "new sink"), edit.n_replaced,
                          counted(edit.n_documents, "document"));
    if (edit.replaced_mass) reason += fmt::format(" took {:.3f} of the attention", *edit.replaced_mass);
  }
  return reason;
}

std::string token_reason_for(const JudgedEdit& edit, const AblateRequest& request) {
  if (edit.tokens_verdict == TokenVerdict::kNotEnough) return not_enough(*edit.loss, request);
  return fmt::format("{}, {} nats against placebo; margin {}", shown(*edit.loss, "loss"), shown(*edit.kl, "KL"),
                     request.token_margin);
}

Measure endpoint_measure(const std::string& quantity) {
  if (quantity != "loss" && quantity != "kl") {
    return [quantity](const SequenceAblation& sequence, const EditedRun& run) {
      return endpoint_of(sequence, run, quantity);
    };
  }
  const auto member = quantity == "loss" ? &TokenEffect::loss : &TokenEffect::kl;
  return [member](const SequenceAblation&, const EditedRun& run) {
    const bool any = run.tokens && run.tokens->n > 0;
    return any ? std::optional(*run.tokens.*member) : std::nullopt;
  };
}

// Effects by block and by distance of one edit, with q over all of them.
std::vector<AblationEffect> detailed_effects(const std::vector<SequenceAblation>& sequences, const EditHow& how,
                                             const AblateRequest& request) {
  std::vector<AblationEffect> effects;
  const auto add = [&](const char* quantity, std::optional<int> block, std::optional<int> distance,
                       const Measure& measure) {
    const std::vector<Difference> documents = by_document(sequences, measure);
    if (documents.empty()) return;
    effects.push_back(effect_over(documents, how, quantity, block, request));
    effects.back().distance = distance;
  };
  const int n_blocks = sequences.empty() ? 0 : static_cast<int>(sequences.front().base.size());
  for (int b = 0; b < n_blocks; ++b) {
    for (const Quantity& quantity : kQuantities) {
      add(quantity.name, b, std::nullopt, [&](const SequenceAblation&, const EditedRun& run) {
        return value_of(run.blocks[index(b)], quantity.name);
      });
    }
  }
  const auto* tokens = sequences.empty() ? nullptr : &sequences.front().edited.tokens;
  for (std::size_t d = 0; tokens != nullptr && *tokens && d < (*tokens)->by_distance.size(); ++d) {
    for (const auto& [name, member] :
         {std::pair("loss", &DistanceEffect::loss), std::pair("kl", &DistanceEffect::kl)}) {
      const auto of = member;
      add(name, std::nullopt, (*tokens)->by_distance[d].first,
          [&, of](const SequenceAblation&, const EditedRun& run) { return run.tokens->by_distance[d].*of; });
    }
  }
  std::vector<AblationEffect*> all;
  for (AblationEffect& effect : effects) all.push_back(&effect);
  adjust(all, benjamini_hochberg);
  return effects;
}

}  // namespace

std::string_view name_of(AblationVerdict verdict) { return kVerdicts[index(static_cast<int>(verdict))]; }

std::string_view name_of(TokenVerdict verdict) { return kTokenVerdicts[index(static_cast<int>(verdict))]; }

TokenVerdict token_verdict(const AblationEffect& loss, const AblationEffect& kl, const AblateRequest& request) {
  using enum TokenVerdict;
  const double margin = request.token_margin;
  if (std::min(loss.n_documents, kl.n_documents) < request.min_documents) return kNotEnough;
  if (within(loss, margin) && within(kl, margin)) return kNegligible;
  if (!above(kl, margin)) return kUndecided;
  if (above(loss, margin)) return kMatters;
  return loss.interval && loss.interval->high <= margin ? kHarmless : kUndecided;
}

AblationVerdict primary_verdict(const AblationEffect& score, const AblationEffect& log_odds, int n_replaced,
                                const AblateRequest& request) {
  using enum AblationVerdict;
  const int n = std::min(score.n_documents, log_odds.n_documents);
  if (n < request.min_documents) return kNotEnough;
  const bool grows = above(score, 0);
  if (grows && above(log_odds, request.log_odds_margin)) return kBeyondCompetition;
  if (n_replaced >= request.replaced_share * score.n_documents && n_replaced > 0) return kReplaced;
  if (within(score, request.score_margin) && within(log_odds, request.log_odds_margin)) return kNoEffect;
  if (grows && within(log_odds, request.log_odds_margin)) return kCompetitionOnly;
  if (below(score, 0) && below(log_odds, -request.log_odds_margin)) return kSupported;
  return kUndecided;
}

std::optional<double> endpoint_of(const SequenceAblation& ablation, const EditedRun& run, const std::string& quantity) {
  const auto [first, last] = endpoint_blocks(ablation);
  std::vector<double> values;
  for (int b = first; b <= last; ++b) {
    if (const auto value = value_of(run.blocks[index(b)], quantity)) values.push_back(*value);
  }
  return mean_of(values);
}

JudgedAblation judge_ablation(const Ablation& ablation, const AblateRequest& request) {
  std::vector<std::vector<AblationEffect>> endpoints(request.edits.size());  // [edits] of score, log odds, loss, KL
  std::vector<AblationEffect*> all;
  for (std::size_t i = 0; i < request.edits.size(); ++i) {
    for (const char* quantity : {"score", "log_odds", "loss", "kl"}) {
      if (!request.loss && endpoints[i].size() == 2) break;
      const std::vector<Difference> documents = by_document(ablation.edits[i], endpoint_measure(quantity));
      endpoints[i].push_back(effect_over(documents, request.edits[i], quantity, std::nullopt, request));
    }
    for (AblationEffect& effect : endpoints[i]) all.push_back(&effect);
  }
  adjust(all, holm);

  JudgedAblation judged;
  for (std::size_t i = 0; i < request.edits.size(); ++i) {
    JudgedEdit edit = count_replaced(ablation.edits[i], request.edits[i]);
    edit.score = endpoints[i][0];
    edit.log_odds = endpoints[i][1];
    edit.verdict = primary_verdict(edit.score, edit.log_odds, edit.n_replaced, request);
    edit.reason = reason_for(edit, request);
    if (request.loss) {
      edit.loss = endpoints[i][2];
      edit.kl = endpoints[i][3];
      edit.tokens_verdict = token_verdict(*edit.loss, *edit.kl, request);
      edit.tokens_reason = token_reason_for(edit, request);
    }
    for (const AblationEffect& endpoint : endpoints[i]) judged.effects.push_back(endpoint);
    for (AblationEffect& effect : detailed_effects(ablation.edits[i], request.edits[i], request)) {
      judged.effects.push_back(std::move(effect));
    }
    judged.verdicts.push_back(std::move(edit));
  }
  return judged;
}

}  // namespace sinkscope
