#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "measure/measurement.h"

namespace sinkscope {

// Two layers of four heads in two groups, 200 tokens of norm 2. Each key is seen by all later queries; each head gives
// it 0.01 of each.
inline SequenceMeasurement plain_measurement(int n_tokens) {
  SequenceMeasurement m;
  const auto tokens = static_cast<std::size_t>(n_tokens);
  m.n_layers = 2;
  m.n_tokens = n_tokens;
  m.n_heads = 4;
  m.n_candidates = std::min(kPrimaryCandidates, n_tokens);
  std::vector<TokenId> ids(tokens);
  std::iota(ids.begin(), ids.end(), 0);
  m.roles = TokenRoles(ids, {}, 0);
  m.min_distance = 64;
  for (auto* flags : {&m.has_writes, &m.has_attention, &m.has_read, &m.has_key_value}) flags->assign(2, 1);
  m.has_read[1] = 0;
  m.has_centred = true;
  m.heads_in_layer.assign(2, 4);
  m.kv_heads_in_layer.assign(2, 2);
  for (auto* norms : {&m.hidden_norm, &m.attn_write_norm, &m.mlp_write_norm, &m.key_norm, &m.value_norm}) {
    *norms = Matrix<float>(2, tokens, 2.0F);
  }
  for (auto* cosines : {&m.alignment, &m.centred_alignment, &m.read_alignment, &m.mlp_write_alignment}) {
    *cosines = CandidateCosines(2, static_cast<std::size_t>(m.n_candidates));
    cosines->resize(tokens);
    for (std::size_t l = 0; l < 2; ++l) {
      for (std::size_t c = 0; c < static_cast<std::size_t>(m.n_candidates); ++c) {
        for (std::size_t t = 0; t < tokens; ++t) cosines->at(l, c, t) = 0.1F;
      }
    }
  }
  for (std::size_t c = 0; c < static_cast<std::size_t>(m.n_candidates); ++c) m.standing.push_back(c);
  m.self_cosine.assign(static_cast<std::size_t>(m.n_candidates), Matrix<float>(2, 2, 1.0F));
  m.attention_sum = m.attention_far_sum = Cube<float>(2, 4, tokens);
  m.key_counts = KeyCounts(2, n_tokens);
  for (std::size_t t = 0; t < tokens; ++t) {
    KeyCounts::Table& counts = m.key_counts.table(0);
    counts.queries[t] = static_cast<int>(tokens - t);
    counts.far_queries[t] = std::max(0, static_cast<int>(tokens - t) - 64);
    counts.far_uniform[t] = 0.005 * counts.far_queries[t];
  }
  m.learned_mass = Matrix<double>(2, 4);
  for (std::size_t l = 0; l < 2; ++l) {
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t h = 0; h < 4; ++h) {
        m.attention_sum(l, h, t) = 0.01F * static_cast<float>(m.visible_queries(l, t));
        m.attention_far_sum(l, h, t) = 0.01F * static_cast<float>(m.far_queries(l, t));
      }
    }
  }
  m.logit_gap_sum = Cube<double>(2, 0, static_cast<std::size_t>(m.n_candidates));
  m.logit_gap_queries = Cube<std::int32_t>(2, 0, static_cast<std::size_t>(m.n_candidates));
  return m;
}

}  // namespace sinkscope
