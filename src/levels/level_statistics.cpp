#include "levels/level_statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/statistics.h"
#include "base/statistics/document_draws.h"
#include "base/statistics/survival.h"

namespace sinkscope {
namespace {

// Eligible positions of a document that lie in [first, end).
std::int64_t eligible_within(const CorpusDocument& document, int first, int end) {
  return std::max(0, std::min(end, document.eligible_end) - std::max(first, document.eligible_begin));
}

constexpr int kFirstBin = 128;  // positions of the first bin of the hazard

std::size_t index(RateTable::Part part) { return static_cast<std::size_t>(part); }

}  // namespace

RateTable::RateTable(const SinkCorpus& corpus, const LevelOptions& options) : corpus_(corpus), options_(options) {
  for (auto& eligible : eligible_) eligible.reserve(corpus.documents.size());
  for (const CorpusDocument& document : corpus.documents) {
    const std::int64_t all = eligible_within(document, 0, document.n_tokens);
    const std::int64_t prompt = eligible_within(document, 0, document.prompt_tokens);
    eligible_[index(Part::kAll)].push_back(all);
    eligible_[index(Part::kPrompt)].push_back(prompt);
    eligible_[index(Part::kOutput)].push_back(all - prompt);
  }
}

std::size_t RateTable::add(std::span<const PlacedSink> members, Part part) {
  Sort sort{part, {}, 0, 0};
  for (const PlacedSink& member : members) {
    const CorpusDocument& document = corpus_.documents[member.document];
    const bool in_prompt = member.sink->position < document.prompt_tokens;
    if ((part == Part::kPrompt && !in_prompt) || (part == Part::kOutput && in_prompt)) continue;
    if (!document.is_eligible(*member.sink)) {
      ++sort.outside;
      continue;
    }
    if (sort.counts.empty() || sort.counts.back().first != member.document) {
      sort.counts.emplace_back(member.document, 0);
    }
    ++sort.counts.back().second;
    ++sort.count;
  }
  sorts_.push_back(std::move(sort));
  return sorts_.size() - 1;
}

std::vector<Rate> RateTable::compute() const {
  std::int64_t eligible[3] = {};
  for (std::size_t part = 0; part < 3; ++part) {
    for (const std::int64_t tokens : eligible_[part]) eligible[part] += tokens;
  }
  std::vector<Rate> rates;
  for (const Sort& sort : sorts_) {
    Rate rate;
    rate.count = sort.count;
    rate.outside = sort.outside;
    rate.documents = static_cast<std::int64_t>(sort.counts.size());
    rate.eligible_tokens = eligible[index(sort.part)];
    rate.per_1000 = per_1000(rate.count, rate.eligible_tokens);
    rates.push_back(rate);
  }

  std::vector<std::vector<double>> drawn(sorts_.size());
  // Draws from a handful of documents say nothing of how rates vary.
  const bool enough = static_cast<int>(corpus_.documents.size()) >= options_.enough_documents;
  const std::vector<std::size_t> order = draw_order(corpus_);
  for (int draw = 0; enough && draw < options_.n_rate_resamples; ++draw) {
    const auto weights = bootstrap_documents(order, options_.seed, static_cast<std::uint64_t>(draw));
    std::int64_t tokens[3] = {};
    for (std::size_t d = 0; d < weights.size(); ++d) {
      for (std::size_t part = 0; part < 3; ++part) tokens[part] += weights[d] * eligible_[part][d];
    }
    for (std::size_t s = 0; s < sorts_.size(); ++s) {
      std::int64_t count = 0;
      for (const auto& [document, n] : sorts_[s].counts) count += weights[document] * n;
      if (const auto rate = per_1000(count, tokens[index(sorts_[s].part)])) drawn[s].push_back(*rate);
    }
  }
  for (std::size_t s = 0; s < sorts_.size(); ++s) {
    Rate& rate = rates[s];
    if (!rate.per_1000) continue;
    if (rate.count == 0) {
      rate.interval = Interval{0, 3000.0 / static_cast<double>(rate.eligible_tokens)};
      continue;
    }
    if (drawn[s].empty()) continue;
    std::ranges::sort(drawn[s]);
    rate.interval = Interval{sorted_quantile(drawn[s], 0.025), sorted_quantile(drawn[s], 0.975)};
  }
  return rates;
}

Lifetimes lifetimes_of(std::span<const PlacedSink> members) {
  Lifetimes lifetimes;
  if (members.empty()) return lifetimes;
  std::vector<Lifetime> observed;
  for (const PlacedSink& member : members) {
    observed.push_back({static_cast<double>(member.sink->l_end - member.sink->l_start + 1), !member.sink->censored});
  }
  const std::vector<SurvivalStep> steps = kaplan_meier(observed);
  lifetimes.shortest = static_cast<int>(steps.front().time);
  lifetimes.longest = static_cast<int>(steps.back().time);
  for (const SurvivalStep& step : steps) lifetimes.censored += step.censored;
  const std::optional<double> median = median_survival(steps);
  lifetimes.median_is_lower_bound = !median;
  if (median) {
    lifetimes.median = static_cast<int>(*median);
    return lifetimes;
  }
  for (const SurvivalStep& step : steps) {  // the median of what was observed
    lifetimes.median = static_cast<int>(step.time);
    if (2 * (step.at_risk - step.ended - step.censored) <= static_cast<std::int64_t>(members.size())) break;
  }
  return lifetimes;
}

double start_entropy_bits(std::span<const PlacedSink> members) {
  std::map<int, std::int64_t> counts;
  for (const PlacedSink& member : members) ++counts[member.sink->l_start];
  double bits = 0;
  for (const auto& [layer, count] : counts) {
    const double p = static_cast<double>(count) / static_cast<double>(members.size());
    if (p < 1) bits -= p * std::log2(p);
  }
  return bits;
}

bool within_one(const CorpusSink& sink, int l_start, int l_end) {
  const int late = sink.l_end - l_end;
  return std::abs(sink.l_start - l_start) <= 1 && (sink.censored ? late >= -1 : std::abs(late) <= 1);
}

std::vector<TokenCount> commonest_tokens(std::span<const PlacedSink> members, std::size_t most) {
  std::map<TokenId, std::int64_t> counts;
  for (const PlacedSink& member : members) ++counts[member.sink->token];
  std::vector<TokenCount> tokens;
  for (const auto& [token, count] : counts) tokens.push_back({token, count});
  std::ranges::stable_sort(tokens, std::ranges::greater(), &TokenCount::count);
  tokens.resize(std::min(most, tokens.size()));
  return tokens;
}

std::vector<HazardBin> hazard_by_position(const SinkCorpus& corpus, std::span<const PlacedSink> members) {
  int last = 0;
  for (const CorpusDocument& document : corpus.documents) last = std::max(last, document.n_tokens);
  std::vector<HazardBin> bins;
  for (int first = 0, end = std::min(kFirstBin, last); first<last; first = end, end = end> last / 2 ? last : 2 * end) {
    HazardBin bin;
    bin.first = first;
    bin.end = end;
    for (const CorpusDocument& document : corpus.documents)
      bin.eligible_tokens += eligible_within(document, first, end);
    for (const PlacedSink& member : members) {
      const int position = member.sink->position;
      const bool eligible = corpus.documents[member.document].is_eligible(*member.sink);
      if (eligible && first <= position && position < end) ++bin.count;
    }
    bin.per_1000 = per_1000(bin.count, bin.eligible_tokens);
    bins.push_back(bin);
  }
  return bins;
}

std::optional<double> median_figure(std::span<const PlacedSink> members, std::optional<float> CorpusSink::* figure) {
  std::vector<double> values;
  for (const PlacedSink& member : members) {
    if (const auto& value = member.sink->*figure) values.push_back(*value);
  }
  return quantile_of(std::move(values), 0.5);
}

}  // namespace sinkscope
