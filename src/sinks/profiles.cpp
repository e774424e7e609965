#include <limits>
#include <utility>

#include "base/index.h"
#include "sinks/attention_figures.h"
#include "sinks/figures.h"

namespace sinkscope {
namespace {

constexpr float kNotMeasured = std::numeric_limits<float>::quiet_NaN();

using LayerFlags = std::vector<std::uint8_t>;

// [n_layers, n_tokens] of value(layer, token), where the layer's flag is set.
template <typename Value>
ProfileArray by_token(const SequenceMeasurement& m, std::string name, const LayerFlags& measured, Value value) {
  const std::size_t layers = index(m.n_layers);
  const std::size_t tokens = index(m.n_tokens);
  ProfileArray array{std::move(name), {layers, tokens}, std::vector<float>(layers * tokens, kNotMeasured)};
  for (std::size_t l = 0; l < layers; ++l) {
    if (!measured[l]) continue;
    for (std::size_t t = 0; t < tokens; ++t) array.values[l * tokens + t] = value(l, t);
  }
  return array;
}

// [n_layers, n_heads, n_tokens] of value(measurement, layer, head, token), where that is measured.
template <typename Value>
ProfileArray by_head(const SequenceMeasurement& m, std::string name, Value value) {
  const std::size_t layers = index(m.n_layers);
  const std::size_t heads = index(m.n_heads);
  const std::size_t tokens = index(m.n_tokens);
  ProfileArray array{std::move(name), {layers, heads, tokens}, {}};
  array.values.reserve(layers * heads * tokens);
  for (std::size_t l = 0; l < layers; ++l) {
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t t = 0; t < tokens; ++t) array.values.push_back(value(m, l, h, t).value_or(kNotMeasured));
    }
  }
  return array;
}

}  // namespace

std::vector<ProfileArray> profile_arrays(const SequenceMeasurement& m, std::optional<int> candidate, bool with_heads) {
  const LayerFlags everywhere(index(m.n_layers), 1);
  const LayerFlags nowhere(index(m.n_layers), 0);
  const std::size_t c = index(candidate.value_or(0));
  const auto norms = [&](std::string name, const LayerFlags& measured, const Matrix<float>& values) {
    return by_token(m, std::move(name), measured, [&](std::size_t l, std::size_t t) { return values(l, t); });
  };
  const auto cosines = [&](std::string name, const LayerFlags& measured, const CandidateCosines& values) {
    return by_token(m, std::move(name), candidate ? measured : nowhere,
                    [&](std::size_t l, std::size_t t) { return values(l, c, t); });
  };
  std::vector<ProfileArray> arrays;
  arrays.push_back(norms("hidden_norm", everywhere, m.hidden_norm));
  arrays.push_back(cosines("alignment", everywhere, m.alignment));
  arrays.push_back(cosines("centred_alignment", m.has_centred ? everywhere : nowhere, m.centred_alignment));
  arrays.push_back(cosines("read_alignment", m.has_read, m.read_alignment));
  arrays.push_back(norms("attn_write_norm", m.has_writes, m.attn_write_norm));
  arrays.push_back(norms("mlp_write_norm", m.has_writes, m.mlp_write_norm));
  arrays.push_back(cosines("mlp_write_alignment", m.has_writes, m.mlp_write_alignment));
  arrays.push_back(norms("key_norm", m.has_key_value, m.key_norm));
  arrays.push_back(norms("value_norm", m.has_key_value, m.value_norm));
  arrays.push_back(by_token(m, "sink_score", m.has_attention, [&](std::size_t l, std::size_t t) {
    const auto scores = key_scores(m, l, t);
    return scores ? scores->mean : kNotMeasured;
  }));
  arrays.push_back(by_token(m, "sink_score_head_max", m.has_attention, [&](std::size_t l, std::size_t t) {
    const auto scores = key_scores(m, l, t);
    return scores ? scores->head_max : kNotMeasured;
  }));
  arrays.push_back(by_token(m, "far_boost", m.has_attention, [&](std::size_t l, std::size_t t) {
    const auto far = far_figures(m, l, t);
    return far ? far->boost : kNotMeasured;
  }));
  arrays.push_back(by_token(m, "visible_queries", m.has_attention,
                            [&](std::size_t l, std::size_t t) { return static_cast<float>(m.visible_queries(l, t)); }));
  if (with_heads) {
    arrays.push_back(by_head(m, "sink_score_by_head", score_of_head));
    arrays.push_back(by_head(m, "far_boost_by_head", far_boost_of_head));
  }
  return arrays;
}

}  // namespace sinkscope
