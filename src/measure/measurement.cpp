#include "measure/measurement.h"

#include <algorithm>
#include <utility>

namespace sinkscope {
namespace {

void cut(Matrix<float>& matrix, std::size_t cols) {
  Matrix<float> shorter(matrix.rows(), cols);
  for (std::size_t r = 0; r < shorter.rows(); ++r) std::ranges::copy(matrix.row(r).first(cols), shorter.row(r).begin());
  matrix = std::move(shorter);
}

void cut(Cube<float>& cube, std::size_t cols) {
  Cube<float> shorter(cube.depth(), cube.rows(), cols);
  for (std::size_t d = 0; d < shorter.depth(); ++d) {
    for (std::size_t r = 0; r < shorter.rows(); ++r) {
      std::ranges::copy(cube.row(d, r).first(cols), shorter.row(d, r).begin());
    }
  }
  cube = std::move(shorter);
}

}  // namespace

const TopChannels* SequenceMeasurement::channels_of(std::size_t layer, std::size_t token) const {
  if (layer >= channels.size()) return nullptr;
  const auto position = static_cast<int>(token);
  const auto found = std::ranges::lower_bound(channels[layer], position, {}, &TokenChannels::position);
  return found == channels[layer].end() || found->position != position ? nullptr : &found->top;
}

SequenceMeasurement nothing_measured_of(std::span<const TokenId> tokens, const VocabularyFacts& vocabulary,
                                        int n_kept_positions) {
  SequenceMeasurement m;
  m.n_tokens = static_cast<int>(tokens.size());
  m.roles = TokenRoles(tokens, vocabulary, n_kept_positions);
  return m;
}

SequenceMeasurement first_tokens(SequenceMeasurement&& measurement, int n_tokens) {
  SequenceMeasurement m = std::move(measurement);
  const auto cols = static_cast<std::size_t>(n_tokens);
  m.n_tokens = n_tokens;
  for (auto* matrix : {&m.hidden_norm, &m.attn_write_norm, &m.mlp_write_norm, &m.key_norm, &m.value_norm}) {
    cut(*matrix, cols);
  }
  for (auto* cosines : {&m.alignment, &m.centred_alignment, &m.read_alignment, &m.mlp_write_alignment}) {
    cosines->resize(cols);
  }
  for (auto* cube : {&m.attention_sum, &m.attention_far_sum}) cut(*cube, cols);
  m.key_counts.cut(n_tokens);
  for (auto* flags : {&m.roles.is_padding, &m.roles.may_be_ordinary}) flags->resize(cols);
  m.roles.n_counted.resize(cols);
  return m;
}

}  // namespace sinkscope
