#include "impact/kept_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "impact/placebo.h"
#include "impact/removed_tokens.h"
#include "impact/rounded_cache.h"
#include "probe/hide_keys.h"

namespace sinkscope {
namespace {

constexpr std::array<std::string_view, kKeptSets.size()> kNames = {
    "none", "primary", "first 4", "first n", "primary + sinks", "primary + most attended", "primary + placebo"};

std::vector<int> first_positions(std::size_t n, std::size_t n_tokens) {
  std::vector<int> positions;
  for (std::size_t t = 0; t < std::min(n, n_tokens); ++t) positions.push_back(static_cast<int>(t));
  return positions;
}

std::vector<int> with(std::vector<int> positions, const std::vector<int>& more) {
  positions.insert(positions.end(), more.begin(), more.end());
  std::ranges::sort(positions);
  const auto again = std::ranges::unique(positions);
  positions.erase(again.begin(), again.end());
  return positions;
}

// The n tokens with the largest totals, those of `besides` apart; of equal ones the first.
std::vector<int> most_attended(std::span<const double> totals, const std::vector<int>& besides, std::size_t n) {
  std::vector<int> positions;
  for (std::size_t t = 0; t < totals.size(); ++t) {
    if (!std::ranges::binary_search(besides, static_cast<int>(t))) positions.push_back(static_cast<int>(t));
  }
  std::ranges::stable_sort(positions, std::ranges::greater(), [&](int t) { return totals[index(t)]; });
  positions.resize(std::min(n, positions.size()));
  return positions;
}

}  // namespace

std::string_view name_of(KeptSet set) { return kNames[index(static_cast<int>(set))]; }

void AttentionTotals::on_attention(const AttentionEvent& event) {
  if (totals_.size() < index(event.n_keys)) totals_.resize(index(event.n_keys), 0.0);
  for (int head = 0; head < event.n_heads; ++head) {
    const auto sums = event.sums.row(index(head));
    for (std::size_t key = 0; key < sums.size(); ++key) totals_[key] += static_cast<double>(sums[key]);
  }
}

std::vector<int> primary_set(const Detection& detection) {
  if (!detection.primary) return {};
  std::set<int> positions(detection.primary->set.begin(), detection.primary->set.end());
  positions.insert(detection.primary->position);
  return {positions.begin(), positions.end()};
}

std::vector<int> primary_and_sinks(const Detection& detection) {
  std::vector<int> sinks;
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink) sinks.push_back(run.position);
  }
  return with(primary_set(detection), sinks);
}

std::vector<KeptTokens> kept_sets(const Detection& detection, std::span<const std::uint8_t> ordinary,
                                  std::span<const double> totals, int n_draws, std::uint64_t seed,
                                  std::uint64_t stream) {
  const std::vector<int> primary = primary_set(detection), kept = primary_and_sinks(detection);
  const std::size_t n_tokens = ordinary.size(), n_more = kept.size() - primary.size();
  std::vector<RemovedToken> sinks;
  for (const int position : kept) {
    if (!std::ranges::binary_search(primary, position)) sinks.push_back({position, 0, 0, std::nullopt});
  }
  std::vector<std::vector<int>> placebo;
  for (const std::vector<RemovedToken>& draw : draw_placebo(ordinary, sinks, n_draws, seed, stream).draws) {
    std::vector<int> positions;
    for (const RemovedToken& token : draw) positions.push_back(token.position);
    placebo.push_back(with(primary, positions));
  }
  if (sinks.empty()) placebo = {primary};
  return {{KeptSet::kNone, {{}}},
          {KeptSet::kPrimary, {primary}},
          {KeptSet::kFirst4, {first_positions(4, n_tokens)}},
          {KeptSet::kFirstN, {first_positions(kept.size(), n_tokens)}},
          {KeptSet::kSinks, {kept}},
          {KeptSet::kAttended, {with(primary, most_attended(totals, primary, n_more))}},
          {KeptSet::kPlacebo, std::move(placebo)}};
}

std::unique_ptr<Edit> make_cache(const CacheForm& form, const std::vector<int>& kept, int n_tokens,
                                 const ModelFacts& facts) {
  if (form.kind != CacheKind::kWindow) return std::make_unique<RoundedCache>(form, kept, facts);
  if (std::ssize(kept) >= form.cells) {
    throw Error(ErrorCode::kUsage, fmt::format("window: expected more cells than the {} kept tokens, got {}",
                                               kept.size(), form.cells));
  }
  // At query q the cells hold kept tokens up to q and the most recent others. So a token k that is not kept is dropped
  // once k .. q and the kept tokens before k are more than the cells.
  std::vector<HiddenKeys> hidden;
  std::size_t n_before = 0;
  for (int first = 0; first < n_tokens; ++n_before) {
    const int end = n_before < kept.size() ? kept[n_before] : n_tokens;
    HiddenKeys keys;
    keys.min_distance = form.cells - static_cast<int>(n_before);
    for (int t = first; t < end && t + keys.min_distance < n_tokens; ++t) keys.positions.push_back(t);
    if (!keys.positions.empty()) hidden.push_back(std::move(keys));
    first = end + 1;
  }
  return hidden.empty() ? nullptr : std::make_unique<HideKeys>(std::move(hidden));
}

}  // namespace sinkscope
