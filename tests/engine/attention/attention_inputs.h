#pragma once

// Puts an AttentionProblem into memory the way an attention node holds it.

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "attention_reference.h"
#include "engine/attention/column_sums.h"

namespace sinkscope::testing_support {

// Nearest f16 of zero, an infinity, or a number in f16's normal range; halves away from zero.
inline std::uint16_t f16_of(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value), sign = (bits >> 16) & 0x8000u;
  if (std::isinf(value)) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (std::fabs(value) < 0x1p-14f) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | (((bits & 0x7fffffffu) - (112u << 23) + 0x1000u) >> 13));
}

inline std::uint16_t bf16_of(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if (std::isinf(value)) return static_cast<std::uint16_t>(bits >> 16);
  return static_cast<std::uint16_t>((bits + 0x8000u) >> 16);
}

inline void write_element(char* to, ElementType type, float value) {
  const std::uint16_t half = type == ElementType::kF16 ? f16_of(value) : bf16_of(value);
  if (type == ElementType::kF32) {
    std::memcpy(to, &value, 4);
  } else {
    std::memcpy(to, &half, 2);
  }
}

inline float rounded_to(ElementType type, float value) {
  char bytes[4];
  write_element(bytes, type, value);
  return element(bytes, type, 0);
}

// Vectors laid out by row, then head, or the other way round, with a gap behind every vector. Padding holds NaN.
struct StoredVectors {
  std::vector<char> bytes;
  HeadVectors view;

  StoredVectors(const Cube<float>& values, ElementType type, bool heads_outside, int n_padding_rows = 0) {
    const std::size_t rows = values.depth() + n_padding_rows, heads = values.rows(), dim = values.cols();
    const std::size_t vector_bytes = (dim + 3) * bytes_of(type);
    const std::size_t row_stride = heads_outside ? vector_bytes : vector_bytes * heads;
    const std::size_t head_stride = heads_outside ? vector_bytes * rows : vector_bytes;
    bytes.resize(vector_bytes * rows * heads);
    for (std::size_t i = 0; i < bytes.size(); i += bytes_of(type))
      write_element(&bytes[i], type, std::numeric_limits<float>::quiet_NaN());
    view = {bytes.data(), type, row_stride, head_stride};
    for (std::size_t row = 0; row < values.depth(); ++row)
      for (std::size_t head = 0; head < heads; ++head)
        for (std::size_t d = 0; d < dim; ++d)
          write_element(&bytes[row * row_stride + head * head_stride + d * bytes_of(type)], type, values(row, head, d));
  }
};

// A problem in memory, and the objects that read it.
struct StoredProblem {
  StoredVectors q, k;
  std::vector<char> mask_bytes;
  MaskTensor mask;
  AttentionPlaces places;
  AttentionInputs inputs;

  StoredProblem(const AttentionProblem& p, ElementType key_type, ElementType mask_type, bool heads_outside,
                int n_padding)
      : q(p.q, ElementType::kF32, heads_outside), k(p.k, key_type, heads_outside, n_padding) {
    const int n_columns = p.n_keys + n_padding;
    const std::size_t row_bytes = (n_columns + 5) * bytes_of(mask_type);
    mask_bytes.resize(row_bytes * p.n_queries);
    for (int row = 0; row < p.n_queries; ++row)
      for (int column = 0; column < n_columns; ++column)
        write_element(&mask_bytes[row * row_bytes + column * bytes_of(mask_type)], mask_type,
                      column < p.n_keys ? p.mask(row, column) : kHidden);
    mask = {mask_bytes.data(), mask_type, row_bytes, n_columns};
    places = {p.query_position, p.query_sequence, p.key_position, p.key_sequence};
    inputs = {p.n_heads, p.n_kv_heads, p.head_dim, q.view, k.view, p.scale, p.max_bias, p.logit_softcap, p.sink_logits};
  }
};

// What a random problem looks like.
struct ProblemOptions {
  const char* name = "";
  int n_queries = 37, first_query = 0;
  int n_heads = 4, n_kv_heads = 2, head_dim = 64;
  ElementType key_type = ElementType::kF16, mask_type = ElementType::kF16;
  int n_sequences = 1;   // packed one after the other, of nearly equal lengths
  int window = 0;        // sliding window: keys at least so many positions earlier are hidden; 0: none
  double hole_frac = 0;  // of keys hidden at random
  int n_padding = 0;
  float max_bias = 0, logit_softcap = 0;
  bool sink_logits = false, heads_outside = false;
  bool interleaved = false;  // sequences take turns, token by token
  bool across = false;       // the mask shows other sequences too
  int min_distance = 8, n_watched = 0;
  float sharpness = 1;  // scale of the logits
};

inline AttentionProblem random_problem(const ProblemOptions& options, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  AttentionProblem p;
  p.n_queries = options.n_queries;
  p.n_keys = options.first_query + options.n_queries;
  p.n_heads = options.n_heads;
  p.n_kv_heads = options.n_kv_heads;
  p.head_dim = options.head_dim;
  p.scale = options.sharpness / std::sqrt(static_cast<float>(options.head_dim));
  p.max_bias = options.max_bias;
  p.logit_softcap = options.logit_softcap;
  p.min_distance = options.min_distance;
  p.q = Cube<float>(p.n_queries, p.n_heads, p.head_dim);
  p.k = Cube<float>(p.n_keys, p.n_kv_heads, p.head_dim);
  p.mask = Matrix<float>(p.n_queries, p.n_keys, kHidden);
  for (int q = 0; q < p.n_queries; ++q)
    for (int h = 0; h < p.n_heads; ++h)
      for (float& x : p.q.row(q, h)) x = normal(random);
  for (int k = 0; k < p.n_keys; ++k)
    for (int h = 0; h < p.n_kv_heads; ++h)
      for (float& x : p.k.row(k, h)) x = rounded_to(options.key_type, normal(random));
  const int length = (p.n_keys + options.n_sequences - 1) / options.n_sequences;
  for (int k = 0; k < p.n_keys; ++k) {
    p.key_position.push_back(options.interleaved ? k / options.n_sequences : k % length);
    p.key_sequence.push_back(options.interleaved ? k % options.n_sequences : k / length);
  }
  p.query_position.assign(p.key_position.begin() + options.first_query, p.key_position.end());
  p.query_sequence.assign(p.key_sequence.begin() + options.first_query, p.key_sequence.end());
  std::uniform_real_distribution<double> uniform;
  for (int q = 0; q < p.n_queries; ++q)
    for (int k = 0; k < p.n_keys; ++k) {
      const int distance = p.query_position[q] - p.key_position[k];
      if (distance < 0 || (!options.across && p.query_sequence[q] != p.key_sequence[k])) continue;
      if ((options.window > 0 && distance >= options.window) || uniform(random) < options.hole_frac) continue;
      p.mask(q, k) = options.max_bias > 0 ? -static_cast<float>(distance) : 0.0f;
    }
  if (options.sink_logits)
    for (int h = 0; h < p.n_heads; ++h) p.sink_logits.push_back(2 * normal(random));
  for (int i = 0; i < options.n_watched; ++i) p.watched.push_back(p.n_keys * i / options.n_watched);
  return p;
}

}  // namespace sinkscope::testing_support
