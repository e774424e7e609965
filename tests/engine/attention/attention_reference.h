#pragma once

// Attention column sums written for reading: double precision, one score at a time, the whole probability matrix of
// one head and query in plain sight. The fast kernel is compared with this.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/views.h"

namespace sinkscope::testing_support {

inline constexpr float kHidden = -std::numeric_limits<float>::infinity();

// The inputs of an attention node as plain numbers.
struct AttentionProblem {
  int n_queries = 0, n_keys = 0, n_heads = 1, n_kv_heads = 1, head_dim = 1;
  Cube<float> q;       // [n_queries, n_heads, head_dim]
  Cube<float> k;       // [n_keys, n_kv_heads, head_dim]
  Matrix<float> mask;  // [n_queries, n_keys]
  float scale = 1, max_bias = 0, logit_softcap = 0;
  std::vector<float> sink_logits;
  std::vector<std::int32_t> query_position, query_sequence, key_position, key_sequence;
  int min_distance = 1;
  std::vector<std::int32_t> watched;
};

struct ReferenceSums {
  Matrix<double> sums, far_sums;  // [n_heads, n_keys]
  std::vector<double> learned_mass;
  Matrix<double> log_z;                    // [n_heads, n_queries]; -inf without a visible key
  std::vector<Matrix<double>> attention;   // [n_heads] of [n_queries, n_watched]
  Matrix<double> watched_attention, watched_logit;  // [n_queries, n_watched]
  Matrix<std::uint8_t> watched_visible;
  std::vector<std::int32_t> queries, far_queries;  // [n_keys]
  std::vector<double> far_uniform;
  int queries_that_see = 0;
};

// ALiBi (Press et al. 2108.12409), for any number of heads: the slopes of the next lower power of two of heads, then
// every second slope of twice as many.
inline double reference_slope(const AttentionProblem& p, int head) {
  if (p.max_bias == 0) return 1;
  int power = 1;
  while (2 * power <= p.n_heads) power *= 2;
  if (head < power) return std::exp2(-static_cast<double>(p.max_bias) * (head + 1) / power);
  return std::exp2(-static_cast<double>(p.max_bias) * (2 * (head - power) + 1) / (2 * power));
}

inline bool reference_sees(const AttentionProblem& p, int q, int k) { return p.mask(q, k) != kHidden; }

inline bool reference_far(const AttentionProblem& p, int q, int k) {
  return p.query_sequence[q] == p.key_sequence[k] && p.query_position[q] - p.key_position[k] >= p.min_distance;
}

inline double reference_logit(const AttentionProblem& p, int h, int q, int k) {
  const int kv_head = h / (p.n_heads / p.n_kv_heads);
  double x = 0;
  for (int d = 0; d < p.head_dim; ++d) x += static_cast<double>(p.q(q, h, d)) * p.k(k, kv_head, d);
  x *= p.scale;
  if (p.logit_softcap != 0) x = p.logit_softcap * std::tanh(x / p.logit_softcap);
  return x + reference_slope(p, h) * p.mask(q, k);
}

inline ReferenceSums reference_sums(const AttentionProblem& p) {
  ReferenceSums r;
  r.sums = r.far_sums = Matrix<double>(p.n_heads, p.n_keys);
  r.learned_mass.assign(p.n_heads, 0.0);
  r.watched_attention = r.watched_logit = Matrix<double>(p.n_queries, p.watched.size());
  r.log_z = Matrix<double>(p.n_heads, p.n_queries, -std::numeric_limits<double>::infinity());
  r.attention.assign(p.n_heads, Matrix<double>(p.n_queries, p.watched.size()));
  r.watched_visible = Matrix<std::uint8_t>(p.n_queries, p.watched.size());
  r.queries.assign(p.n_keys, 0);
  r.far_queries.assign(p.n_keys, 0);
  r.far_uniform.assign(p.n_keys, 0.0);
  for (int q = 0; q < p.n_queries; ++q) {
    int n_seen = 0;
    for (int k = 0; k < p.n_keys; ++k) n_seen += reference_sees(p, q, k);
    if (n_seen == 0) continue;
    ++r.queries_that_see;
    for (int k = 0; k < p.n_keys; ++k) {
      if (!reference_sees(p, q, k)) continue;
      r.queries[k] += 1;
      r.far_queries[k] += reference_far(p, q, k);
      r.far_uniform[k] += reference_far(p, q, k) ? 1.0 / n_seen : 0.0;
    }
    for (int h = 0; h < p.n_heads; ++h) {
      std::vector<double> logit(p.n_keys, kHidden);
      for (int k = 0; k < p.n_keys; ++k)
        if (reference_sees(p, q, k)) logit[k] = reference_logit(p, h, q, k);
      double largest = *std::max_element(logit.begin(), logit.end());
      if (!p.sink_logits.empty()) largest = std::max(largest, static_cast<double>(p.sink_logits[h]));
      double normaliser = 0;
      for (const double x : logit) normaliser += std::exp(x - largest);
      if (!p.sink_logits.empty()) {
        normaliser += std::exp(p.sink_logits[h] - largest);
        r.learned_mass[h] += std::exp(p.sink_logits[h] - largest) / normaliser;
      }
      r.log_z(h, q) = largest + std::log(normaliser);
      for (int k = 0; k < p.n_keys; ++k) {
        const double attention = std::exp(logit[k] - largest) / normaliser;
        r.sums(h, k) += attention;
        if (reference_far(p, q, k)) r.far_sums(h, k) += attention;
      }
      for (std::size_t w = 0; w < p.watched.size(); ++w) {
        const int k = p.watched[w];
        if (!reference_sees(p, q, k)) continue;
        r.watched_visible(q, w) = 1;
        r.attention[h](q, w) = std::exp(logit[k] - largest) / normaliser;
        r.watched_attention(q, w) += std::exp(logit[k] - largest) / normaliser / p.n_heads;
        r.watched_logit(q, w) += logit[k] / p.n_heads;
      }
    }
  }
  return r;
}

// Attention of one head and query, over keys; without one of them, as if it had never been there.
inline std::vector<double> reference_attention(const AttentionProblem& p, int h, int q, int without = -1) {
  std::vector<double> attention(p.n_keys, kHidden);
  double largest = p.sink_logits.empty() ? kHidden : p.sink_logits[h];
  for (int k = 0; k < p.n_keys; ++k)
    if (k != without && reference_sees(p, q, k))
      largest = std::max(largest, attention[k] = reference_logit(p, h, q, k));
  double total = p.sink_logits.empty() || largest == kHidden ? 0 : std::exp(p.sink_logits[h] - largest);
  for (double& x : attention) total += x = x == kHidden ? 0 : std::exp(x - largest);
  for (double& x : attention) x = total > 0 ? x / total : 0;
  return attention;
}

// values  [n_keys, n_kv_heads, value_dim]
inline std::vector<double> reference_output(const AttentionProblem& p, const Cube<float>& values, int h, int q,
                                            int without = -1) {
  const std::vector<double> attention = reference_attention(p, h, q, without);
  std::vector<double> output(values.cols());
  for (int k = 0; k < p.n_keys; ++k)
    for (std::size_t d = 0; d < output.size(); ++d)
      output[d] += attention[k] * static_cast<double>(values(k, h / (p.n_heads / p.n_kv_heads), d));
  return output;
}

struct ReferenceEvictions {
  Matrix<double> cost;                    // [n_heads, n_watched]
  Matrix<std::int32_t> left_out;          // [n_heads, n_watched]
  std::vector<std::int32_t> far_queries;  // [n_watched]
};

// Each key is taken away, and attention made anew without it.
inline ReferenceEvictions reference_evictions(const AttentionProblem& p, const Cube<float>& values, double most) {
  ReferenceEvictions r{Matrix<double>(p.n_heads, p.watched.size()), Matrix<std::int32_t>(p.n_heads, p.watched.size()),
                       std::vector<std::int32_t>(p.watched.size())};
  for (std::size_t w = 0; w < p.watched.size(); ++w)
    for (int q = 0; q < p.n_queries; ++q) {
      const int k = p.watched[w];
      if (!reference_sees(p, q, k) || !reference_far(p, q, k)) continue;
      ++r.far_queries[w];
      for (int h = 0; h < p.n_heads; ++h) {
        if (reference_attention(p, h, q)[k] > most) {
          ++r.left_out(h, w);
          continue;
        }
        const std::vector<double> with = reference_output(p, values, h, q);
        const std::vector<double> without = reference_output(p, values, h, q, k);
        for (std::size_t d = 0; d < with.size(); ++d) r.cost(h, w) += (with[d] - without[d]) * (with[d] - without[d]);
      }
    }
  return r;
}

}  // namespace sinkscope::testing_support
