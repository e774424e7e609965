#include "impact/downstream.h"

#include <algorithm>
#include <utility>

#include "base/index.h"
#include "base/vectors.h"

namespace sinkscope {
namespace {

// Calls visit(number of the token, its state) for each of the tokens that an event holds.
template <typename Visit>
void for_tokens_of(const StateEvent& event, std::span<const int> tokens, const Visit& visit) {
  const int end = event.first_token + static_cast<int>(event.states.rows());
  for (auto at = std::ranges::lower_bound(tokens, event.first_token); at != tokens.end() && *at < end; ++at) {
    visit(index(at - tokens.begin()), event.states.row(index(*at - event.first_token)));
  }
}

}  // namespace

std::vector<int> downstream_tokens(int first, int n_tokens, std::span<const int> besides, int n_layers, int d_model) {
  std::vector<int> all;
  for (int t = first + kDownstreamDistance; t < n_tokens; ++t) {
    if (!std::ranges::binary_search(besides, t)) all.push_back(t);
  }
  const std::size_t most = std::max<std::size_t>(1, kMostDownstreamBytes / sizeof(float) / index(n_layers) / index(d_model));
  if (all.size() <= most) return all;
  std::vector<int> tokens;
  for (std::size_t i = 0; i < most; ++i) tokens.push_back(all[i * all.size() / most]);
  return tokens;
}

DownstreamStates::DownstreamStates(std::vector<int> tokens, int n_layers, int d_model)
    : tokens_(std::move(tokens)), states_(index(n_layers), tokens_.size(), index(d_model)) {}

void DownstreamStates::on_state(const StateEvent& event) {
  for_tokens_of(event, tokens_, [&](std::size_t number, std::span<const float> state) {
    std::ranges::copy(state, states_.row(index(event.layer), number).begin());
  });
}

DownstreamChanges::DownstreamChanges(const DownstreamStates& unedited)
    : unedited_(unedited), sums_(index(unedited.n_layers())) {}

void DownstreamChanges::on_state(const StateEvent& event) {
  Sums& sums = sums_[index(event.layer)];
  for_tokens_of(event, unedited_.tokens(), [&](std::size_t number, std::span<const float> edited) {
    const auto state = unedited_.state(event.layer, number);
    const double length = length_of(state), edited_length = length_of(edited);
    // A state of nothing has no direction; no network that predicts anything has one.
    if (!(length > 0) || !(edited_length > 0)) return;
    sums.norm += edited_length / length - 1;
    sums.cosine += dot(state, edited) / (length * edited_length);
  });
}

Downstream DownstreamChanges::means() const {
  Downstream means{static_cast<int>(unedited_.tokens().size()), {}};
  if (means.n == 0) return means;
  for (const Sums& sums : sums_) means.layers.push_back({sums.norm / means.n, sums.cosine / means.n});
  return means;
}

}  // namespace sinkscope
