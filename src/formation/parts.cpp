#include "formation/parts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

// All parts of a state of layer q, in one order.
std::vector<PartName> parts_up_to(int q) {
  std::vector<PartName> parts = {{PartKind::kEmbedding, -1}};
  for (int l = 0; l <= q; ++l) {
    parts.push_back({PartKind::kAttention, l});
    parts.push_back({PartKind::kMlp, l});
  }
  return parts;
}

double& at(PartHeights& heights, const PartName& part) {
  if (part.kind == PartKind::kEmbedding) return heights.embedding;
  return (part.kind == PartKind::kAttention ? heights.attention : heights.mlp)[index(part.layer)];
}

PartHeights zeros(int q) {
  PartHeights heights;
  heights.attention.assign(index(q + 1), 0);
  heights.mlp.assign(index(q + 1), 0);
  return heights;
}

}  // namespace

std::string_view name_of(PartKind kind) {
  switch (kind) {
    case PartKind::kEmbedding:
      return "embedding";
    case PartKind::kAttention:
      return "attention";
    case PartKind::kMlp:
      return "mlp";
  }
  throw Error(ErrorCode::kInternal, "part: unknown kind");
}

std::string text_of(const PartName& part) {
  if (part.kind == PartKind::kEmbedding) return "embedding";
  return (part.kind == PartKind::kMlp ? "MLP " : "attention ") + std::to_string(part.layer);
}

std::span<const float> KeptStates::write(const PartName& part) const {
  if (part.kind == PartKind::kEmbedding) return embedding;
  return (part.kind == PartKind::kAttention ? attention : mlp).row(index(part.layer));
}

double PartHeights::of(const PartName& part) const {
  if (part.kind == PartKind::kEmbedding) return embedding;
  return (part.kind == PartKind::kAttention ? attention : mlp)[index(part.layer)];
}

double PartHeights::sum() const {
  return std::accumulate(mlp.begin(), mlp.end(), std::accumulate(attention.begin(), attention.end(), embedding));
}

PartHeights part_heights(const KeptStates& states, int q, std::span<const float> axis, double scale) {
  PartHeights heights = zeros(q);
  for (const PartName& part : parts_up_to(q)) at(heights, part) = dot(states.write(part), axis) / scale;
  return heights;
}

PartHeights read_part_heights(const KeptStates& states, int q, std::span<const float> gain,
                              std::span<const float> primary) {
  const std::size_t d = gain.size();
  std::vector<double> state(d);
  for (const PartName& part : parts_up_to(q)) {
    const auto write = states.write(part);
    for (std::size_t i = 0; i < d; ++i) state[i] += static_cast<double>(write[i]);
  }
  const double rms =
      std::sqrt(std::inner_product(state.begin(), state.end(), state.begin(), 0.0) / static_cast<double>(d));
  // <gain * w / rms, unit of gain * h> is the height of w along gain * unit.
  std::vector<float> axis(d);
  double length = 0;
  for (std::size_t i = 0; i < d; ++i) {
    const double read = static_cast<double>(gain[i]) * static_cast<double>(primary[i]);
    length += read * read;
    axis[i] = static_cast<float>(static_cast<double>(gain[i]) * read);
  }
  return part_heights(states, q, axis, rms * std::sqrt(length));
}

PartExcess excess_over(const PartHeights& sink, std::span<const PartHeights> controls, int q,
                       const ExplainOptions& options) {
  if (controls.empty()) throw Error(ErrorCode::kInternal, "excess: expected one control at least");
  PartExcess excess;
  excess.layer = q;
  excess.total = sink.sum();
  for (const PartHeights& control : controls) {
    excess.control_total += control.sum() / static_cast<double>(controls.size());
  }
  excess.excess = zeros(q);
  double positive = 0, magnitudes = 0, mlp_positive = 0;
  std::vector<LargestPart> parts;
  for (const PartName& part : parts_up_to(q)) {
    double mean = 0;
    for (const PartHeights& control : controls) mean += control.of(part) / static_cast<double>(controls.size());
    const double e = sink.of(part) - mean;
    at(excess.excess, part) = e;
    excess.sum += e;
    magnitudes += std::abs(e);
    positive += std::max(e, 0.0);
    if (part.kind == PartKind::kMlp) mlp_positive += std::max(e, 0.0);
    parts.push_back({part, 0, e});
  }
  if (excess.sum != 0) excess.cancellation = magnitudes / std::abs(excess.sum);
  if (positive > 0) {
    excess.mlp_share = mlp_positive / positive;
    for (LargestPart& part : parts) part.share = std::max(part.excess, 0.0) / positive;
  }
  std::ranges::stable_sort(parts, std::ranges::greater(), &LargestPart::excess);
  double reached = 0;
  // Rounding must not ask for one more part.
  while (positive > 0 && reached < options.reach_share - 1e-12) reached += parts[index(excess.parts_for_80++)].share;
  parts.resize(std::min(parts.size(), index(options.n_largest)));
  excess.largest = std::move(parts);
  return excess;
}

void add_cosines(PartExcess& excess, const KeptStates& sink, std::span<const KeptStates* const> controls,
                 MatrixView<const float> axes) {
  const PartName part = excess.largest.front().part;
  const auto axis = axes.row(index(std::max(part.layer, 0)));
  const auto write = sink.write(part);
  excess.cos = cosine(write, axis);
  std::vector<float> beyond(write.begin(), write.end());
  for (const KeptStates* control : controls) {
    const auto other = control->write(part);
    for (std::size_t i = 0; i < beyond.size(); ++i) beyond[i] -= other[i] / static_cast<float>(controls.size());
  }
  excess.excess_cos = cosine(beyond, axis);
}

double rank_p(std::span<const float> heights, std::span<const int> eligible, int position) {
  int as_high = 0, others = 0;
  for (const int other : eligible) {
    if (other == position) continue;
    ++others;
    if (heights[index(other)] >= heights[index(position)]) ++as_high;
  }
  return static_cast<double>(1 + as_high) / static_cast<double>(1 + others);
}

bool is_formed(const PartExcess& peak, int n_eligible, const ExplainOptions& options) {
  const bool ranked = n_eligible < options.min_ranked || (peak.rank_p && *peak.rank_p <= options.max_rank_p);
  return ranked && !peak.largest.empty() && peak.largest.front().part.kind == PartKind::kMlp &&
         peak.largest.front().excess > 0 && peak.mlp_share >= options.min_mlp_share &&
         peak.parts_for_80 <= options.max_parts && peak.sum >= options.min_excess && peak.excess_cos &&
         *peak.excess_cos >= options.min_excess_cos;
}

std::optional<double> cosine(std::span<const float> a, std::span<const float> b) {
  const double squares = dot(a, a) * dot(b, b);
  if (!(squares > 0)) return std::nullopt;
  return std::clamp(dot(a, b) / std::sqrt(squares), -1.0, 1.0);
}

}  // namespace sinkscope
