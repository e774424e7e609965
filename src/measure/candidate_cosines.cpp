#include "measure/candidate_cosines.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "base/vectors.h"

namespace sinkscope {

float clamped_cosine(float dot, float norm_a, float norm_b) {
  const float norms = norm_a * norm_b;
  return norms > 0 ? std::clamp(dot / norms, -1.0F, 1.0F) : 0.0F;
}

Matrix<float> self_cosines(const Cube<float>& states, std::size_t candidate, std::span<const float> norms) {
  Matrix<float> cosines(norms.size(), norms.size());
  for (std::size_t a = 0; a < norms.size(); ++a) {
    cosines(a, a) = norms[a] > 0 ? 1.0F : 0.0F;
    for (std::size_t b = a + 1; b < norms.size(); ++b) {
      const double product = dot(states.row(a, candidate), states.row(b, candidate));
      cosines(a, b) = cosines(b, a) = clamped_cosine(static_cast<float>(product), norms[a], norms[b]);
    }
  }
  return cosines;
}

CandidateCosines::CandidateCosines(std::size_t n_layers, std::size_t n_candidates)
    : values_(n_layers, n_candidates, 0) {
  slot_.fill(kGivenUp);
  std::iota(slot_.begin(), slot_.begin() + static_cast<std::ptrdiff_t>(n_candidates), std::size_t{0});
}

// slots  which of the rows stay, in their new order
void CandidateCosines::move_rows(std::span<const std::size_t> slots, std::size_t n_tokens) {
  Cube<float> moved(values_.depth(), slots.size(), n_tokens);
  const std::size_t n_common = std::min(n_tokens, values_.cols());
  for (std::size_t layer = 0; layer < moved.depth(); ++layer) {
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      std::ranges::copy(std::as_const(values_).row(layer, slots[slot]).first(n_common), moved.row(layer, slot).begin());
    }
  }
  values_ = std::move(moved);
}

void CandidateCosines::resize(std::size_t n_tokens) {
  std::vector<std::size_t> all(values_.rows());
  std::iota(all.begin(), all.end(), std::size_t{0});
  move_rows(all, n_tokens);
}

void CandidateCosines::keep_only(std::span<const std::size_t> candidates, std::size_t n_tokens) {
  std::vector<std::size_t> slots;
  for (const std::size_t candidate : candidates) slots.push_back(slot_[candidate]);
  move_rows(slots, n_tokens);
  slot_.fill(kGivenUp);
  for (std::size_t slot = 0; slot < candidates.size(); ++slot) slot_[candidates[slot]] = slot;
}

}  // namespace sinkscope
