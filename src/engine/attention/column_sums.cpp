#include "engine/attention/column_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"

namespace sinkscope {

float alibi_slope(float max_bias, int n_heads, int head) {
  if (max_bias <= 0) return 1;
  // As ggml: a geometric series over the largest power of two of heads, the rest interleaved at half steps.
  const int power = 1 << static_cast<int>(std::floor(std::log2(n_heads)));
  const float step = std::pow(2.0f, -max_bias / static_cast<float>(power));
  const float half_step = std::pow(2.0f, -(max_bias / 2) / static_cast<float>(power));
  return head < power ? std::pow(step, static_cast<float>(head + 1))
                      : std::pow(half_step, static_cast<float>(2 * (head - power) + 1));
}

namespace {

[[noreturn]] void throw_shape(const std::string& expected, const std::string& got) {
  throw Error(ErrorCode::kShape, "attention column sums: wrong shape; expected " + expected + "; got " + got +
                                     "; this is a fault of sinkscope or an unknown kind of attention");
}

void check_shapes(const AttentionInputs& in, const AttentionMask& mask, std::span<const std::int32_t> watched) {
  if (in.n_heads < 1 || in.n_kv_heads < 1 || in.head_dim < 1 || in.n_heads % in.n_kv_heads != 0)
    throw_shape("a multiple of the KV heads as heads", std::to_string(in.n_heads) + " heads of " +
                                                           std::to_string(in.head_dim) + ", " +
                                                           std::to_string(in.n_kv_heads) + " KV heads");
  if (in.queries.type != ElementType::kF32) throw_shape("float32 queries", "another type");
  if (!in.sink_logits.empty() && in.sink_logits.size() != static_cast<std::size_t>(in.n_heads))
    throw_shape("a learned sink logit for each head", std::to_string(in.sink_logits.size()));
  for (std::size_t i = 0; i < watched.size(); ++i)
    if (watched[i] < (i == 0 ? 0 : watched[i - 1] + 1) || watched[i] >= mask.n_keys())
      throw_shape("watched keys ascending and below " + std::to_string(mask.n_keys()), std::to_string(watched[i]));
}

}  // namespace

struct ColumnSums::Workspace {
  Matrix<float> sums, far_sums, watched_attention, watched_logit;
  Matrix<std::uint8_t> watched_visible;
  std::vector<double> learned_mass, logits;
};

ColumnSums::ColumnSums() : workspace_(std::make_unique<Workspace>()) {}
ColumnSums::~ColumnSums() = default;
ColumnSums::ColumnSums(ColumnSums&&) noexcept = default;
ColumnSums& ColumnSums::operator=(ColumnSums&&) noexcept = default;

AttentionSums ColumnSums::compute(const AttentionInputs& inputs, const AttentionMask& mask,
                                  std::span<const std::int32_t> watched) {
  check_shapes(inputs, mask, watched);
  Workspace& w = *workspace_;
  const int n_keys = mask.n_keys(), n_queries = mask.n_queries(), n_heads = inputs.n_heads;
  w.sums = Matrix<float>(n_heads, n_keys);
  w.far_sums = Matrix<float>(n_heads, n_keys);
  w.watched_attention = Matrix<float>(n_queries, watched.size());
  w.watched_logit = Matrix<float>(n_queries, watched.size());
  w.watched_visible = Matrix<std::uint8_t>(n_queries, watched.size());
  w.learned_mass.assign(n_heads, 0.0);
  w.logits.resize(n_keys);
  for (int h = 0; h < n_heads; ++h) {
    const int kv_head = h / (n_heads / inputs.n_kv_heads);
    const float slope = alibi_slope(inputs.max_bias, n_heads, h);
    for (int q = 0; q < n_queries; ++q) {
      const VisibleKeys& keys = mask.visible()[q];
      double largest = -std::numeric_limits<double>::infinity();
      for (int k = keys.first; k < keys.last; ++k) {
        double logit = 0;
        for (int d = 0; d < inputs.head_dim; ++d)
          logit += double{element(inputs.queries.row(q, h), ElementType::kF32, d)} *
                   double{element(inputs.keys.row(k, kv_head), inputs.keys.type, d)};
        logit *= inputs.scale;
        if (inputs.logit_softcap != 0) logit = inputs.logit_softcap * std::tanh(logit / inputs.logit_softcap);
        w.logits[k] = logit + (keys.plain ? 0.0 : double{slope * mask.bias(q, k)});
        largest = std::max(largest, w.logits[k]);
      }
      if (keys.count == 0) continue;
      double normaliser = 0;
      if (!inputs.sink_logits.empty()) largest = std::max(largest, double{inputs.sink_logits[h]});
      for (int k = keys.first; k < keys.last; ++k) normaliser += std::exp(w.logits[k] - largest);
      if (!inputs.sink_logits.empty()) {
        const double sink = std::exp(double{inputs.sink_logits[h]} - largest);
        normaliser += sink;
        w.learned_mass[h] += sink / normaliser;
      }
      const auto attention = [&](int k) { return static_cast<float>(std::exp(w.logits[k] - largest) / normaliser); };
      for (int k = keys.first; k < keys.last; ++k) {
        w.sums(h, k) += attention(k);
        const bool is_far = mask.query_position()[q] - mask.key_position()[k] >= mask.min_distance() &&
                            mask.query_sequence()[q] == mask.key_sequence()[k];
        if (is_far) w.far_sums(h, k) += attention(k);
      }
      for (std::size_t i = 0; i < watched.size(); ++i) {
        if (!mask.sees(q, watched[i])) continue;
        w.watched_visible(q, i) = 1;
        w.watched_attention(q, i) += attention(watched[i]) / static_cast<float>(n_heads);
        w.watched_logit(q, i) += static_cast<float>(w.logits[watched[i]] / n_heads);
      }
    }
  }
  return {w.sums.view(),          w.far_sums.view(),       w.learned_mass, w.watched_attention.view(),
          w.watched_logit.view(), w.watched_visible.view()};
}

void key_value_norms(const HeadVectors& vectors, int n_kv_heads, int head_dim, int first_cell, std::span<float> norms) {
  for (std::size_t i = 0; i < norms.size(); ++i) {
    double sum = 0;
    for (int head = 0; head < n_kv_heads; ++head)
      for (int d = 0; d < head_dim; ++d) {
        const double x = element(vectors.row(first_cell + static_cast<int>(i), head), vectors.type, d);
        sum += x * x;
      }
    norms[i] = static_cast<float>(std::sqrt(sum));
  }
}

}  // namespace sinkscope
