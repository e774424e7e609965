#include <array>
#include <limits>
#include <string>

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

Figure far_boost(Place p) {
  const auto far = far_figures(p.measurement, p.layer, p.token);
  return far ? Figure(far->boost) : std::nullopt;
}

Figure visible_queries(Place p) {
  if (!p.measurement.has_attention[p.layer]) return std::nullopt;
  return static_cast<float>(p.measurement.visible_queries(p.layer, p.token));
}

using M = SequenceMeasurement;
constexpr std::array kProfileFields = {
    ProfileField{"hidden_norm", "", "norm of the state after the block", false,
                 [](Place p) { return norm(p, p.measurement.hidden_norm); }},
    ProfileField{"alignment", "cosine", "with the state of the primary candidate", false,
                 [](Place p) { return cosine(p, p.measurement.alignment, true); }},
    ProfileField{"centred_alignment", "cosine", "the same, both minus the mean ordinary token of the layer", false,
                 [](Place p) { return cosine(p, p.measurement.centred_alignment, p.measurement.has_centred); }},
    ProfileField{"read_alignment", "cosine", "the same after the next block's attention norm and gain", false,
                 [](Place p) { return cosine(p, p.measurement.read_alignment, &M::has_read); }},
    ProfileField{"attn_write_norm", "", "norm of what attention adds", false,
                 [](Place p) { return norm(p, p.measurement.attn_write_norm, &M::has_writes); }},
    ProfileField{"mlp_write_norm", "", "norm of what the MLP adds", false,
                 [](Place p) { return norm(p, p.measurement.mlp_write_norm, &M::has_writes); }},
    ProfileField{"mlp_write_alignment", "cosine", "of what the MLP adds with the state of the primary candidate", false,
                 [](Place p) { return cosine(p, p.measurement.mlp_write_alignment, &M::has_writes); }},
    ProfileField{"key_norm", "", "norm of the key, all KV heads concatenated", false,
                 [](Place p) { return norm(p, p.measurement.key_norm, &M::has_key_value); }},
    ProfileField{"value_norm", "", "norm of the value, all KV heads concatenated", false,
                 [](Place p) { return norm(p, p.measurement.value_norm, &M::has_key_value); }},
    ProfileField{"sink_score", "probability", "mean over heads and visible queries of the attention received", false,
                 [](Place p) { return of_scores(p, &KeyScores::mean); }},
    ProfileField{"sink_score_head_max", "probability", "the same of the strongest head", false,
                 [](Place p) { return of_scores(p, &KeyScores::head_max); }},
    ProfileField{"far_boost", "ratio", "attention from far queries / what uniform attention gives, mean over heads",
                 false, far_boost},
    ProfileField{"visible_queries", "queries", "how many queries see the token; exact", false, visible_queries},
    ProfileField{"sink_score_by_head", "probability", "of each head", true,
                 [](Place p) { return score_of_head(p.measurement, p.layer, p.head, p.token); }},
    ProfileField{"far_boost_by_head", "ratio", "of each head; far_boost is its mean over the heads of a layer", true,
                 [](Place p) { return far_boost_of_head(p.measurement, p.layer, p.head, p.token); }},
};

ProfileArray array_of(const ProfileField& field, const SequenceMeasurement& m, std::optional<std::size_t> candidate) {
  const auto layers = static_cast<std::size_t>(m.n_layers), tokens = static_cast<std::size_t>(m.n_tokens);
  const std::size_t heads = field.by_head ? static_cast<std::size_t>(m.n_heads) : 1;
  ProfileArray array{std::string(field.name), {layers, tokens}, {}};
  if (field.by_head) array.shape = {layers, heads, tokens};
  array.values.reserve(layers * heads * tokens);
  for (std::size_t l = 0; l < layers; ++l) {
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t t = 0; t < tokens; ++t) {
        array.values.push_back(field.figure({m, candidate, l, h, t}).value_or(kNotMeasured));
      }
    }
  }
  return array;
}

}  // namespace

std::span<const ProfileField> profile_fields() { return kProfileFields; }

std::vector<ProfileArray> arrays_of(std::span<const ProfileField> fields, const SequenceMeasurement& measurement,
                                    std::optional<int> candidate, bool with_heads) {
  const auto whom = candidate ? std::optional(static_cast<std::size_t>(*candidate)) : std::nullopt;
  std::vector<ProfileArray> arrays;
  for (const ProfileField& field : fields) {
    if (!field.by_head || with_heads) arrays.push_back(array_of(field, measurement, whom));
  }
  return arrays;
}

std::vector<ProfileArray> profile_arrays(const SequenceMeasurement& measurement, std::optional<int> candidate,
                                         bool with_heads) {
  return arrays_of(profile_fields(), measurement, candidate, with_heads);
}

}  // namespace sinkscope
