#include "impact/rounded_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/index.h"
#include "gguf/block_rounding.h"

namespace sinkscope {
namespace {

constexpr int kGroup = 32;       // tokens of a key range, dims of a value range
constexpr int kRotation = 64;    // llama.cpp rotates heads whose size is a multiple of this

bool in_blocks(const CacheForm& form) { return form.kind == CacheKind::kQ8_0 || form.kind == CacheKind::kQ4_0; }
int bits_of(const CacheForm& form) { return form.kind == CacheKind::kKivi2 ? 2 : 4; }

}  // namespace

void rotate_by_hadamard(std::span<float> values) {
  const std::size_t n = values.size();
  for (std::size_t half = 1; half < n; half *= 2) {
    for (std::size_t first = 0; first < n; first += 2 * half) {
      for (std::size_t i = first; i < first + half; ++i) {
        const float a = values[i], b = values[i + half];
        values[i] = a + b;
        values[i + half] = a - b;
      }
    }
  }
  const float scale = 1.0F / std::sqrt(static_cast<float>(n));
  for (float& value : values) value *= scale;
}

void round_to_range(std::span<float> values, int bits) {
  if (values.empty()) return;
  const auto [low, high] = std::ranges::minmax(values);
  const float step = (high - low) / static_cast<float>((1 << bits) - 1);
  if (step <= 0) return;  // all are one number
  for (float& value : values) value = low + step * std::round((value - low) / step);
}

RoundedCache::RoundedCache(CacheForm form, std::vector<int> exact, const ModelFacts& facts)
    : form_(form), exact_(std::move(exact)) {
  Heads first;
  for (int layer = 0; layer < facts.n_layers; ++layer) {
    const auto l = index(layer);
    Heads heads;
    if (facts.cached_key_width[l] > 0) {
      heads = {facts.cached_key_width[l] / facts.n_kv_heads[l], facts.cached_value_width[l] / facts.n_kv_heads[l]};
      if (first.key_dim == 0) first = heads;
      keys_alike_ = keys_alike_ && heads.key_dim == first.key_dim;
      values_alike_ = values_alike_ && heads.value_dim == first.value_dim;
    }
    heads_.push_back(heads);
  }
}

std::string RoundedCache::description() const {
  return fmt::format("cache {}, exact at {}", word_of(form_), fmt::join(exact_, ","));
}

void RoundedCache::check(const ModelFacts& facts, std::span<const int> n_tokens) const {
  for (const int position : exact_) check_position(0, position, n_tokens, "edit: cache " + word_of(form_));
  for (int layer = 0; layer < facts.n_layers; ++layer) {
    const Heads& heads = heads_[index(layer)];
    if (!facts.has_attention[index(layer)]) continue;
    if (heads.key_dim == 0) {
      throw Error(ErrorCode::kModel,
                  fmt::format("cache {}: expected a network whose blocks all have a cache of their own keys and values, got "
                              "one whose block {} has none; try --window alone",
                              word_of(form_), layer));
    }
    if (heads.key_dim % kGroup != 0 || heads.value_dim % kGroup != 0) {
      throw Error(ErrorCode::kModel,
                  fmt::format("cache {}: expected heads of a multiple of {} numbers, got {} and {} in block {}; try "
                              "--window alone",
                              word_of(form_), kGroup, heads.key_dim, heads.value_dim, layer));
    }
  }
}

bool RoundedCache::touches(ProbePoint point, int layer) const {
  return (point == ProbePoint::kCachedKeys || point == ProbePoint::kCachedValues) && layer >= 0 &&
         heads_[index(layer)].key_dim > 0;
}

void RoundedCache::edit_states(EditableStates& states) {
  const bool keys = states.point() == ProbePoint::kCachedKeys;
  const Heads& heads = heads_[index(states.layer())];
  std::vector<int> rows;
  for (int row = 0; row < states.tokens().n_rows(); ++row) {
    if (!std::ranges::binary_search(exact_, states.tokens().position(row))) rows.push_back(row);
  }
  if (in_blocks(form_)) return round_rows(states, rows, keys ? heads.key_dim : heads.value_dim);
  keys ? round_channels(states, rows) : round_groups(states, rows);
}

// How many numbers are rotated together. source: llama.cpp's build_input_k_rot and build_input_v_rot
int RoundedCache::rotation_of(int head_dim, bool keys) const {
  if (!form_.rotated || head_dim % kRotation != 0 || !(keys ? keys_alike_ : values_alike_)) return 0;
  int n = kRotation;
  while (keys && head_dim % (2 * n) == 0) n *= 2;
  return n;
}

void RoundedCache::round_rows(EditableStates& states, std::span<const int> rows, int head_dim) const {
  const std::size_t n = index(rotation_of(head_dim, states.point() == ProbePoint::kCachedKeys));
  const BlockType type = form_.kind == CacheKind::kQ8_0 ? BlockType::kQ8_0 : BlockType::kQ4_0;
  const auto rotate = [&](std::span<float> row) {
    for (std::size_t first = 0; n > 0 && first < row.size(); first += n) rotate_by_hadamard(row.subspan(first, n));
  };
  for (const int r : rows) {
    const std::span<float> row = states.change(r);
    rotate(row);
    round_to_blocks(type, row);
    rotate(row);
  }
}

void RoundedCache::round_channels(EditableStates& states, std::span<const int> rows) const {
  if (rows.empty()) return;
  if (states.tokens().position(0) % kGroup != 0) {
    throw Error(ErrorCode::kUsage, fmt::format("cache {}: expected micro-batches of a multiple of {} tokens, got one that "
                                               "begins at token {}; give another -ub, and scan with it",
                                               word_of(form_), kGroup, states.tokens().position(0)));
  }
  std::vector<float> channel;
  for (std::size_t first = 0, end = 0; first < rows.size(); first = end) {
    const int group = rows[first] / kGroup;
    while (end < rows.size() && rows[end] / kGroup == group) ++end;
    const auto members = rows.subspan(first, end - first);
    channel.resize(members.size());
    for (std::size_t c = 0; c < states.width(); ++c) {
      for (std::size_t i = 0; i < members.size(); ++i) channel[i] = states.row(members[i])[c];
      round_to_range(channel, bits_of(form_));
      for (std::size_t i = 0; i < members.size(); ++i) states.change(members[i])[c] = channel[i];
    }
  }
}

void RoundedCache::round_groups(EditableStates& states, std::span<const int> rows) const {
  for (const int r : rows) {
    const std::span<float> row = states.change(r);
    for (std::size_t first = 0; first < row.size(); first += kGroup) {
      round_to_range(row.subspan(first, kGroup), bits_of(form_));
    }
  }
}

}  // namespace sinkscope
