#include <algorithm>
#include <array>
#include <cmath>

#include "base/index.h"
#include "base/statistics.h"
#include "measure/candidates.h"
#include "sinks/attention_figures.h"
#include "sinks/far_neighbours.h"
#include "sinks/fields.h"

namespace sinkscope {
namespace {

// What is common to all tokens of a layer.
struct LayerContext {
  std::optional<OrdinaryNorms> ordinary;  // nothing in a short sequence
  std::optional<float> ordinary_value_norm;
  FarNeighbours neighbours;
};

class Reducer {
 public:
  Reducer(const SequenceMeasurement& measurement, const CandidateFloor& floor);
  SequenceFigures reduce(int prompt_tokens);

 private:
  void find_ordinary();
  void find_candidate();
  bool passes_floor(std::size_t token) const;
  bool passes_paper_floor(std::size_t token) const;
  TokenProfile profile(std::size_t token) const;
  void add_first_alignment(TokenProfile& profile) const;
  void add_attention(TokenProfile& profile, std::size_t layer) const;
  void add_logit_gaps(TokenProfile& profile) const;
  void add_channels(TokenProfile& profile, std::size_t layer) const;
  void add_far_totals(SequenceFigures& figures) const;
  std::optional<float> norm_ratio(std::size_t layer, std::size_t token) const;

  const SequenceMeasurement& m_;
  CandidateFloor floor_;
  std::size_t n_layers_;
  std::size_t n_tokens_;
  std::vector<LayerContext> layers_;
  std::optional<std::size_t> candidate_;
};

Reducer::Reducer(const SequenceMeasurement& measurement, const CandidateFloor& floor)
    : m_(measurement),
      floor_(floor),
      n_layers_(index(measurement.n_layers)),
      n_tokens_(index(measurement.n_tokens)),
      layers_(n_layers_) {
  if (measurement.roles.n_counted.empty() || measurement.roles.n_counted.back() < kMinOrdinaryTokens) return;
  find_ordinary();
  find_candidate();
  for (std::size_t l = 0; l < n_layers_; ++l) layers_[l].neighbours = FarNeighbours(m_, l);
}

void Reducer::find_ordinary() {
  std::vector<float> scratch;
  for (std::size_t l = 0; l < n_layers_; ++l) {
    const auto norms = m_.hidden_norm.row(l);
    layers_[l].ordinary = ordinary_norms(norms, m_.roles.may_be_ordinary, scratch);
    if (!m_.has_key_value[l]) continue;
    scratch.clear();
    for (std::size_t t = 0; t < n_tokens_; ++t) {
      if (m_.roles.may_be_ordinary[t] && norms[t] <= layers_[l].ordinary->limit) scratch.push_back(m_.value_norm(l, t));
    }
    if (const float median = median_of(scratch); median > 0) layers_[l].ordinary_value_norm = median;
  }
}

void Reducer::find_candidate() {
  std::vector<std::optional<OrdinaryNorms>> ordinary;
  for (const LayerContext& layer : layers_) ordinary.push_back(layer.ordinary);
  std::vector<double> means = mean_norm_ratios(m_.hidden_norm, ordinary, m_.roles.candidates);
  for (std::size_t c = 0; c < means.size(); ++c) {
    if (m_.roles.is_padding[index(m_.roles.candidates[c])]) means[c] *= kStandingShare;
  }
  // States that are equal but for rounding are one: the first of them counts.
  constexpr double kAlike = 0.95;
  const double largest = means[*std::ranges::max_element(m_.standing, {}, [&](std::size_t c) { return means[c]; })];
  candidate_ = *std::ranges::find_if(m_.standing, [&](std::size_t c) { return means[c] >= kAlike * largest; });
}

std::optional<float> Reducer::norm_ratio(std::size_t layer, std::size_t token) const {
  const auto& ordinary = layers_[layer].ordinary;
  if (!ordinary || !(ordinary->median > 0)) return std::nullopt;
  return m_.hidden_norm(layer, token) / ordinary->median;
}

bool Reducer::passes_paper_floor(std::size_t token) const {
  if (!floor_.any_norm_both_signs) return false;
  for (std::size_t c = 0; c < index(std::min(kPaperPositions, m_.n_candidates)); ++c) {
    for (std::size_t l = 0; l < n_layers_; ++l) {
      if (std::abs(m_.alignment(l, c, token)) >= floor_.alignment) return true;
    }
  }
  return false;
}

bool Reducer::passes_floor(std::size_t token) const {
  bool boosted_before = false;
  for (std::size_t l = 0; l < n_layers_; ++l) {
    if (candidate_ && m_.alignment(l, *candidate_, token) >= floor_.alignment &&
        norm_ratio(l, token).value_or(0) >= floor_.norm_ratio) {
      return true;
    }
    const auto far = far_figures(m_, l, token);
    const bool boosted = far && far->boost >= floor_.unaligned_far_boost;
    if (boosted && boosted_before) return true;
    boosted_before = boosted;
  }
  return false;
}

void Reducer::add_attention(TokenProfile& profile, std::size_t layer) const {
  const std::size_t token = index(profile.position);
  if (const auto scores = key_scores(m_, layer, token)) {
    profile.score[layer] = scores->mean;
    profile.score_head_max[layer] = scores->head_max;
    profile.score_group_max[layer] = scores->group_max;
    profile.sink_rate_02[layer] = scores->sink_rate[0];
    profile.sink_rate_03[layer] = scores->sink_rate[1];
    profile.sink_rate_05[layer] = scores->sink_rate[2];
    profile.sink_rate_08[layer] = scores->sink_rate[3];
    profile.attention_share[layer] = scores->attention_share;
  }
  if (const auto far = far_figures(m_, layer, token)) {
    profile.far_score[layer] = far->score;
    profile.far_boost[layer] = far->boost;
    profile.heads_over_10[layer] = static_cast<float>(far->heads_over_10);
    if (const auto standing = layers_[layer].neighbours.standing_of(token, far->boost)) {
      profile.far_z[layer] = standing->z;
      profile.far_spread[layer] = standing->spread;
    }
  }
  profile.selection_rate[layer] = selection_rate(m_, layer, token);
  if (const auto sums = far_sums(m_, layer, token)) {
    profile.far_attention[layer] = static_cast<float>(sums->attention);
    profile.far_even[layer] = static_cast<float>(sums->even);
  }
  if (const auto eviction = eviction_figures(m_, layer, token)) {
    profile.eviction_cost[layer] = eviction->cost;
    profile.eviction_left_out[layer] = static_cast<float>(eviction->left_out);
  }
}

void Reducer::add_logit_gaps(TokenProfile& profile) const {
  if (!candidate_) return;
  const auto found = std::lower_bound(m_.watched.begin(), m_.watched.end(), profile.position);
  if (found == m_.watched.end() || *found != profile.position) return;
  const std::size_t key = index(static_cast<int>(found - m_.watched.begin()));
  for (std::size_t l = 0; l < n_layers_; ++l) {
    const int queries = m_.logit_gap_queries(l, key, *candidate_);
    if (queries < kMinFarQueries) continue;
    profile.logit_gap[l] = static_cast<float>(m_.logit_gap_sum(l, key, *candidate_) / queries);
  }
}

void Reducer::add_channels(TokenProfile& profile, std::size_t layer) const {
  const TopChannels* top = m_.channels_of(layer, index(profile.position));
  if (top == nullptr) return;
  const std::array channels = {&profile.massive_channel_1, &profile.massive_channel_2, &profile.massive_channel_3};
  const std::array values = {&profile.massive_value_1, &profile.massive_value_2, &profile.massive_value_3};
  const std::array ratios = {&profile.massive_ratio_1, &profile.massive_ratio_2, &profile.massive_ratio_3};
  for (std::size_t i = 0; i < kMassiveChannels; ++i) {
    if (top->channel[i] < 0) continue;
    (*channels[i])[layer] = static_cast<float>(top->channel[i]);
    (*values[i])[layer] = top->value[i];
    if (const auto& median = m_.channel_median[layer]) (*ratios[i])[layer] = std::abs(top->value[i]) / *median;
  }
  const TopChannels* of_candidate =
      candidate_ ? m_.channels_of(layer, index(m_.roles.candidates[*candidate_])) : nullptr;
  if (of_candidate != nullptr) {
    profile.massive_overlap[layer] = static_cast<float>(shared_channels(*top, *of_candidate));
  }
}

TokenProfile Reducer::profile(std::size_t token) const {
  TokenProfile profile = empty_profile(static_cast<int>(token), m_.n_layers);
  for (std::size_t l = 0; l < n_layers_; ++l) {
    profile.hidden_norm[l] = m_.hidden_norm(l, token);
    profile.norm_ratio[l] = norm_ratio(l, token);
    if (candidate_) {
      const auto with_candidate = [&](const CandidateCosines& cosines) {
        const float cosine = cosines(l, *candidate_, token);
        return std::isnan(cosine) ? std::nullopt : std::optional(cosine);
      };
      profile.alignment[l] = with_candidate(m_.alignment);
      if (m_.has_centred) profile.centred_alignment[l] = with_candidate(m_.centred_alignment);
      if (m_.has_read[l]) profile.read_alignment[l] = with_candidate(m_.read_alignment);
      if (m_.has_writes[l]) profile.mlp_write_alignment[l] = with_candidate(m_.mlp_write_alignment);
    }
    if (m_.has_writes[l]) profile.mlp_write_norm[l] = m_.mlp_write_norm(l, token);
    if (const auto& ordinary = layers_[l].ordinary_value_norm) {
      profile.value_norm_ratio[l] = m_.value_norm(l, token) / *ordinary;
    }
    add_attention(profile, l);
    add_channels(profile, l);
  }
  add_logit_gaps(profile);
  add_first_alignment(profile);
  return profile;
}

void Reducer::add_first_alignment(TokenProfile& profile) const {
  if (!floor_.any_norm_both_signs) return;
  const std::size_t token = index(profile.position);
  for (std::size_t c = 0; c < index(std::min(kPaperPositions, m_.n_candidates)); ++c) {
    LayerFigures cosines(n_layers_);
    for (std::size_t l = 0; l < n_layers_; ++l) {
      if (const float cosine = m_.alignment(l, c, token); !std::isnan(cosine)) cosines[l] = cosine;
    }
    profile.first_alignment.push_back(std::move(cosines));
  }
}

void Reducer::add_far_totals(SequenceFigures& figures) const {
  figures.far_attention.resize(n_layers_);
  figures.far_even.resize(n_layers_);
  for (std::size_t l = 0; l < n_layers_; ++l) {
    FarSums all;
    for (std::size_t t = 0; t < n_tokens_; ++t) {
      const auto sums = far_sums(m_, l, t);
      if (!sums) continue;
      all.attention += sums->attention;
      all.even += sums->even;
    }
    if (!(all.even > 0)) continue;
    figures.far_attention[l] = static_cast<float>(all.attention);
    figures.far_even[l] = static_cast<float>(all.even);
  }
}

SequenceFigures Reducer::reduce(int prompt_tokens) {
  SequenceFigures figures;
  figures.n_layers = m_.n_layers;
  figures.n_tokens = m_.n_tokens;
  figures.prompt_tokens = prompt_tokens;
  figures.min_distance = m_.min_distance;
  figures.n_watch_overflow = m_.n_watch_overflow;
  if (candidate_) figures.candidate = m_.roles.candidates[*candidate_];
  figures.n_padding = static_cast<int>(std::ranges::count(m_.roles.is_padding, 1));
  figures.candidates = m_.roles.candidates;
  figures.self_cosine = m_.self_cosine;
  for (const LayerContext& layer : layers_) {
    figures.ordinary_norm.push_back(layer.ordinary ? std::optional(layer.ordinary->median) : std::nullopt);
  }
  figures.channel_median = m_.channel_median;
  figures.channel_median.resize(n_layers_);
  add_far_totals(figures);
  for (std::size_t l = 0; l < n_layers_; ++l) figures.learned_share.push_back(learned_share(m_, l));
  const std::size_t first = std::min(n_tokens_, index(kPrimaryCandidates));
  for (std::size_t t = 0; t < first; ++t) figures.first_positions.push_back(profile(t));
  for (std::size_t t = first; t < n_tokens_; ++t) {
    if (passes_floor(t) || std::ranges::binary_search(m_.roles.candidates, static_cast<int>(t))) {
      figures.tokens.push_back(profile(t));
    } else if (passes_paper_floor(t)) {
      // Many tokens pass this one alone, and the authors' rule asks nothing else of them.
      figures.tokens.push_back(empty_profile(static_cast<int>(t), m_.n_layers));
      add_first_alignment(figures.tokens.back());
    }
  }
  return figures;
}

}  // namespace

TokenProfile empty_profile(int position, int n_layers) {
  TokenProfile profile;
  profile.position = position;
  for (const auto& field : kTokenFields) (profile.*field.member).resize(index(n_layers));
  return profile;
}

SequenceFigures reduce(const SequenceMeasurement& measurement, int prompt_tokens, const CandidateFloor& floor) {
  return Reducer(measurement, floor).reduce(prompt_tokens);
}

}  // namespace sinkscope
