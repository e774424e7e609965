#include "impact/sink_axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "base/index.h"
#include "base/statistics.h"

namespace sinkscope {
namespace {

constexpr std::size_t kFirstOrdinary = 8;
constexpr float kOrdinaryNormOverQuartile = 5;
constexpr float kMaxNormRatio = 2, kMaxFarBoost = 3;  // of a placebo

}  // namespace

void StateKeeper::on_state(const StateEvent& event) {
  const int row = token_ - event.first_token;
  if (row < 0 || row >= static_cast<int>(event.states.rows())) return;
  const auto state = event.states.row(index(row));
  states_[index(event.layer)].assign(state.begin(), state.end());
}

MatrixView<const float> profile_of_all(std::span<const ProfileArray> profiles, const char* name) {
  const auto found = std::ranges::find(profiles, std::string_view(name), &ProfileArray::name);
  if (found == profiles.end() || found->shape.size() != 2) {
    throw Error(ErrorCode::kInternal, fmt::format("profiles: expected {} of every layer and token, got none", name));
  }
  return {found->values.data(), found->shape[0], found->shape[1]};
}

SinkAxes sink_axes(std::span<const std::vector<float>> states, std::span<const ProfileArray> profiles) {
  const auto norms = profile_of_all(profiles, "hidden_norm"), write_norms = profile_of_all(profiles, "mlp_write_norm");
  const auto cosines = profile_of_all(profiles, "mlp_write_alignment");
  SinkAxes axes(states.size());
  for (std::size_t l = 0; l < states.size(); ++l) {
    double square = 0;
    for (const float x : states[l]) square += static_cast<double>(x) * static_cast<double>(x);
    for (const float x : states[l]) {
      axes[l].direction.push_back(static_cast<float>(static_cast<double>(x) / std::sqrt(square)));
    }
    std::vector<float> later;
    for (std::size_t t = kFirstOrdinary; t < norms.cols(); ++t) later.push_back(norms(l, t));
    std::vector<double> along;
    const float limit = later.empty() ? 0 : kOrdinaryNormOverQuartile * lower_quartile_of(later);
    for (std::size_t t = kFirstOrdinary; t < norms.cols(); ++t) {
      if (norms(l, t) > limit) continue;
      const double height = static_cast<double>(write_norms(l, t)) * static_cast<double>(cosines(l, t));
      if (!std::isfinite(height)) {
        throw Error(ErrorCode::kModel,
                    fmt::format("unwrite: expected a network that shows what its MLPs write along the primary's state, "
                                "got one that does not in layer {}; try --how knockout",
                                l));
      }
      along.push_back(height);
    }
    if (!along.empty()) axes[l].ordinary = median_of(along);
  }
  return axes;
}

std::vector<std::uint8_t> ordinary_tokens(std::span<const ProfileArray> profiles, const LayerFigures& ordinary_norm) {
  const auto norms = profile_of_all(profiles, "hidden_norm"), boosts = profile_of_all(profiles, "far_boost");
  std::vector<std::uint8_t> ordinary(norms.cols(), 1);
  for (std::size_t t = 0; t < ordinary.size(); ++t) {
    bool is = t >= kFirstOrdinary;
    for (std::size_t l = 0; l < norms.rows() && is; ++l) {
      is = ordinary_norm[l] && norms(l, t) < kMaxNormRatio * *ordinary_norm[l] && !(boosts(l, t) >= kMaxFarBoost);
    }
    ordinary[t] = is;
  }
  return ordinary;
}

}  // namespace sinkscope
