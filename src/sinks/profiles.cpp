#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "base/index.h"
#include "sinks/attention_figures.h"
#include "sinks/fields.h"

namespace sinkscope {
namespace {

constexpr float kNotMeasured = std::numeric_limits<float>::quiet_NaN();

using Place = const ProfilePlace&;
using Figure = std::optional<float>;
using LayerFlags = std::vector<std::uint8_t> SequenceMeasurement::*;

Figure norm(Place p, const Matrix<float>& norms) { return norms(p.layer, p.token); }
Figure norm(Place p, const Matrix<float>& norms, LayerFlags measured) {
  return (p.measurement.*measured)[p.layer] ? norm(p, norms) : std::nullopt;
}

Figure cosine(Place p, const CandidateCosines& cosines, bool measured) {
  return p.candidate && measured ? Figure(cosines(p.layer, *p.candidate, p.token)) : std::nullopt;
}
Figure cosine(Place p, const CandidateCosines& cosines, LayerFlags measured) {
  return cosine(p, cosines, (p.measurement.*measured)[p.layer] != 0);
}

Figure of_scores(Place p, float KeyScores::* figure) {
  const auto scores = key_scores(p.measurement, p.layer, p.token);
  return scores ? Figure(*scores.*figure) : std::nullopt;
}

Figure sink_rate(Place p, std::size_t which) {
  const auto scores = key_scores(p.measurement, p.layer, p.token);
  return scores ? Figure(scores->sink_rate[which]) : std::nullopt;
}

Figure far_boost(Place p) {
  const auto far = far_figures(p.measurement, p.layer, p.token);
  return far ? Figure(far->boost) : std::nullopt;
}

Figure far_z(Place p) {
  const auto far = far_figures(p.measurement, p.layer, p.token);
  const auto standing = far ? p.neighbours.standing_of(p.token, far->boost) : std::nullopt;
  return standing ? Figure(standing->z) : std::nullopt;
}

Figure channel(Place p, std::size_t nth) {
  const TopChannels* top = p.measurement.channels_of(p.layer, p.token);
  return top && top->channel[nth] >= 0 ? Figure(static_cast<float>(top->channel[nth])) : std::nullopt;
}
Figure channel_value(Place p, std::size_t nth) {
  const TopChannels* top = p.measurement.channels_of(p.layer, p.token);
  return top && top->channel[nth] >= 0 ? Figure(top->value[nth]) : std::nullopt;
}

Figure channel_median(Place p) {
  return p.layer < p.measurement.channel_median.size() ? p.measurement.channel_median[p.layer] : std::nullopt;
}

template <typename Number>
Figure eviction(Place p, Number EvictionFigures::* figure) {
  const auto figures = eviction_figures(p.measurement, p.layer, p.token);
  return figures ? Figure(static_cast<float>(*figures.*figure)) : std::nullopt;
}

Figure visible_queries(Place p) {
  if (!p.measurement.has_attention[p.layer]) return std::nullopt;
  return static_cast<float>(p.measurement.visible_queries(p.layer, p.token));
}

using M = SequenceMeasurement;
using enum ProfileAxes;
constexpr std::array kProfileFields = {
    ProfileField{"hidden_norm", "", "norm of the state after the block", kToken,
                 [](Place p) { return norm(p, p.measurement.hidden_norm); }},
    ProfileField{"alignment", "cosine", "with the state of the primary candidate", kToken,
                 [](Place p) { return cosine(p, p.measurement.alignment, true); }},
    ProfileField{"centred_alignment", "cosine", "the same, both minus the mean ordinary token of the layer", kToken,
                 [](Place p) { return cosine(p, p.measurement.centred_alignment, p.measurement.has_centred); }},
    ProfileField{"read_alignment", "cosine", "the same after the next block's attention norm and gain", kToken,
                 [](Place p) { return cosine(p, p.measurement.read_alignment, &M::has_read); }},
    ProfileField{"attn_write_norm", "", "norm of what attention adds", kToken,
                 [](Place p) { return norm(p, p.measurement.attn_write_norm, &M::has_writes); }},
    ProfileField{"mlp_write_norm", "", "norm of what the MLP adds", kToken,
                 [](Place p) { return norm(p, p.measurement.mlp_write_norm, &M::has_writes); }},
    ProfileField{"mlp_write_alignment", "cosine", "of what the MLP adds with the state of the primary candidate",
                 kToken, [](Place p) { return cosine(p, p.measurement.mlp_write_alignment, &M::has_writes); }},
    ProfileField{"key_norm", "", "norm of the key, all KV heads concatenated", kToken,
                 [](Place p) { return norm(p, p.measurement.key_norm, &M::has_key_value); }},
    ProfileField{"value_norm", "", "norm of the value, all KV heads concatenated", kToken,
                 [](Place p) { return norm(p, p.measurement.value_norm, &M::has_key_value); }},
    ProfileField{"sink_score", "probability", "mean over heads and visible queries of the attention received", kToken,
                 [](Place p) { return of_scores(p, &KeyScores::mean); }},
    ProfileField{"sink_score_head_max", "probability", "the same of the strongest head", kToken,
                 [](Place p) { return of_scores(p, &KeyScores::head_max); }},
    ProfileField{"far_boost", "ratio", "attention from far queries / what uniform attention gives, mean over heads",
                 kToken, far_boost},
    ProfileField{"far_z", "spreads", "(log far_boost - median of the ordinary tokens beside it) / their spread", kToken,
                 far_z},
    ProfileField{"visible_queries", "queries", "how many queries see the token; exact", kToken, visible_queries},
    ProfileField{"sink_score_by_head", "probability", "of each head", kHeadToken,
                 [](Place p) { return score_of_head(p.measurement, p.layer, p.head, p.token); }},
    ProfileField{"far_boost_by_head", "ratio", "of each head; far_boost is its mean over the heads of a layer",
                 kHeadToken, [](Place p) { return far_boost_of_head(p.measurement, p.layer, p.head, p.token); }},
    ProfileField{"sink_rate_02", "share of heads", "heads whose score is above 0.2", kToken,
                 [](Place p) { return sink_rate(p, 0); }},
    ProfileField{"sink_rate_03", "share of heads", "heads whose score is above 0.3", kToken,
                 [](Place p) { return sink_rate(p, 1); }},
    ProfileField{"sink_rate_05", "share of heads", "heads whose score is above 0.5", kToken,
                 [](Place p) { return sink_rate(p, 2); }},
    ProfileField{"sink_rate_08", "share of heads", "heads whose score is above 0.8", kToken,
                 [](Place p) { return sink_rate(p, 3); }},
    ProfileField{"first_token_share", "probability", "share of all attention that position 0 receives, mean over heads",
                 kLayer, [](Place p) { return of_scores(p, &KeyScores::attention_share); }},
    ProfileField{"first_token_share_by_head", "probability", "of each head", kHead,
                 [](Place p) { return attention_share_of_head(p.measurement, p.layer, p.head, 0); }},
    ProfileField{"massive_channel_1", "", "index of the channel of the state with the largest magnitude", kToken,
                 [](Place p) { return channel(p, 0); }},
    ProfileField{"massive_channel_2", "", "index of the channel of the state with the second largest magnitude", kToken,
                 [](Place p) { return channel(p, 1); }},
    ProfileField{"massive_channel_3", "", "index of the channel of the state with the third largest magnitude", kToken,
                 [](Place p) { return channel(p, 2); }},
    ProfileField{"massive_value_1", "", "its value", kToken, [](Place p) { return channel_value(p, 0); }},
    ProfileField{"massive_value_2", "", "its value", kToken, [](Place p) { return channel_value(p, 1); }},
    ProfileField{"massive_value_3", "", "its value", kToken, [](Place p) { return channel_value(p, 2); }},
    ProfileField{"channel_median", "", "median magnitude over the channels of ordinary tokens, every 32nd position",
                 kLayer, channel_median},
    ProfileField{"eviction_cost", "value norm squared",
                 "sum over far queries of the squared distance that the attention output would move without the token, "
                 "mean over heads; of watched tokens",
                 kToken, [](Place p) { return eviction(p, &EvictionFigures::cost); }},
    ProfileField{"eviction_left_out", "pairs", "pairs of head and query that eviction_cost leaves out", kToken,
                 [](Place p) { return eviction(p, &EvictionFigures::left_out); }},
    ProfileField{"eviction_cost_by_head", "value norm squared", "of each head", kHeadToken,
                 [](Place p) { return eviction_cost_of_head(p.measurement, p.layer, p.head, p.token); }},
    ProfileField{"selection_rate", "share of queries",
                 "far queries that selected the token, of those that could; only where a network selects keys", kToken,
                 [](Place p) { return selection_rate(p.measurement, p.layer, p.token); }},
};

// neighbours  [n_layers]
ProfileArray array_of(const ProfileField& field, const SequenceMeasurement& m, std::optional<std::size_t> candidate,
                      const std::vector<FarNeighbours>& neighbours) {
  const auto layers = static_cast<std::size_t>(m.n_layers);
  std::size_t heads = 1, tokens = 1;
  ProfileArray array{std::string(field.name), {layers}, {}, is_by_token(field.axes)};
  if (is_by_head(field.axes)) array.shape.push_back(heads = static_cast<std::size_t>(m.n_heads));
  if (is_by_token(field.axes)) array.shape.push_back(tokens = static_cast<std::size_t>(m.n_tokens));
  array.values.reserve(layers * heads * tokens);
  for (std::size_t l = 0; l < layers; ++l) {
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t t = 0; t < tokens; ++t) {
        array.values.push_back(field.figure({m, candidate, l, h, t, neighbours[l]}).value_or(kNotMeasured));
      }
    }
  }
  return array;
}

}  // namespace

std::span<const ProfileField> profile_fields() { return kProfileFields; }

std::vector<ProfileArray> arrays_of(std::span<const ProfileField> fields, const SequenceMeasurement& measurement,
                                    std::optional<int> candidate, bool with_heads) {
  std::optional<std::size_t> whom;
  const std::vector<int>& candidates = measurement.roles.candidates;
  if (const auto found = std::ranges::find(candidates, candidate); found != candidates.end()) {
    whom = static_cast<std::size_t>(found - candidates.begin());
  }
  std::vector<FarNeighbours> neighbours;
  for (std::size_t l = 0; l < static_cast<std::size_t>(measurement.n_layers); ++l) {
    neighbours.emplace_back(measurement, l);
  }
  std::vector<ProfileArray> arrays;
  for (const ProfileField& field : fields) {
    if (!is_by_head(field.axes) || with_heads) arrays.push_back(array_of(field, measurement, whom, neighbours));
  }
  return arrays;
}

std::vector<ProfileArray> profile_arrays(const SequenceMeasurement& measurement, std::optional<int> candidate,
                                         bool with_heads) {
  return arrays_of(profile_fields(), measurement, candidate, with_heads);
}

}  // namespace sinkscope
