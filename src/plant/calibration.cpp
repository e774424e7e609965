#include "plant/calibration.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/vectors.h"
#include "sinks/direction.h"

namespace sinkscope {
namespace {

constexpr std::size_t kSampleRows = 512;
constexpr std::size_t kTargetRows = 128;
constexpr std::size_t kControlRows = 512;

}  // namespace

bool SinkPlaces::wanted(std::span<const TokenId> sequence, int position) const {
  const auto p = static_cast<std::size_t>(position);
  if (position < kPrimaryCandidates || sequence[p] != token) return false;
  return after.empty() || std::binary_search(after.begin(), after.end(), sequence[p - 1]);
}

bool SinkPlaces::unwanted(std::span<const TokenId> sequence, int position) const {
  return position >= kPrimaryCandidates && sequence[static_cast<std::size_t>(position)] == token &&
         !wanted(sequence, position);
}

void MeanVector::add(std::span<const float> row, double weight) {
  for (std::size_t i = 0; i < row.size(); ++i) sum_[i] += weight * static_cast<double>(row[i]);
  ++count_;
}

std::vector<double> MeanVector::mean() const {
  std::vector<double> mean = sum_;
  for (double& value : mean) value /= static_cast<double>(std::max<std::int64_t>(count_, 1));
  return mean;
}

std::vector<float> MeanVector::mean_floats() const {
  const std::vector<double> values = mean();
  return {values.begin(), values.end()};
}

Calibration::Calibration(std::span<const LayerNeeds> needs, int d_model, std::int64_t n_tokens)
    : stride_(std::max<std::int64_t>(1, n_tokens / static_cast<std::int64_t>(kSampleRows))) {
  const auto width = static_cast<std::size_t>(d_model);
  for (const LayerNeeds& need : needs) {
    LayerStatistics statistics{
        NormalEquations(d_model), MeanVector(width), KeptRows(kSampleRows, width), {}, {}, MeanVector(width), {}};
    for (std::size_t s = 0; s < need.sinks.size(); ++s) {
      statistics.sinks.push_back({MeanVector(width), KeptRows(kTargetRows, width), KeptRows(kControlRows, width)});
    }
    statistics.first.assign(kPrimaryCandidates, MeanVector(width));
    for (const TokenId token : need.directions) statistics.tokens.emplace(token, MeanVector(width));
    statistics_.emplace(need.layer, std::move(statistics));
    needs_.emplace(need.layer, need);
  }
}

void Calibration::begin(std::span<const TokenId> sequence) { sequence_ = sequence; }

bool Calibration::wants(ProbePoint point, int layer) {
  return (point == ProbePoint::kMlpInput || point == ProbePoint::kBlockOutput) && needs_.contains(layer);
}

void Calibration::on_state(const StateEvent& event) {
  const auto need = needs_.find(event.layer);
  if (need == needs_.end()) return;
  LayerStatistics& statistics = statistics_.at(event.layer);
  if (event.point == ProbePoint::kMlpInput) on_mlp_input(event, need->second, statistics);
  if (event.point == ProbePoint::kBlockOutput) on_block_output(event, statistics);
}

void Calibration::on_mlp_input(const StateEvent& event, const LayerNeeds& needs, LayerStatistics& statistics) {
  const std::int64_t before = statistics.equations.n_rows();
  statistics.equations.add(event.states);
  for (std::size_t row = 0; row < event.states.rows(); ++row) {
    const int position = event.first_token + static_cast<int>(row);
    const auto input = event.states.row(row);
    if (position >= kPrimaryCandidates) statistics.inputs.add(input);
    if ((before + static_cast<std::int64_t>(row)) % stride_ == 0) statistics.sample.add(input);
    for (std::size_t s = 0; s < needs.sinks.size(); ++s) {
      if (needs.sinks[s].wanted(sequence_, position)) {
        statistics.sinks[s].target.add(input);
        statistics.sinks[s].targets.add(input);
      } else if (needs.sinks[s].unwanted(sequence_, position)) {
        statistics.sinks[s].controls.add(input);
      }
    }
  }
}

void Calibration::on_block_output(const StateEvent& event, LayerStatistics& statistics) {
  for (std::size_t row = 0; row < event.states.rows(); ++row) {
    const auto position = static_cast<std::size_t>(event.first_token) + row;
    const auto state = event.states.row(row);
    if (position < statistics.first.size()) {
      statistics.first[position].add(state);
      continue;
    }
    const double length = length_of(state);
    if (length > 0) statistics.ordinary.add(state, 1 / length);
    if (const auto at = statistics.tokens.find(sequence_[position]); at != statistics.tokens.end())
      at->second.add(state);
  }
}

int count_places(const std::vector<std::vector<TokenId>>& sequences, const SinkPlaces& places) {
  int count = 0;
  for (const auto& sequence : sequences) {
    for (int p = 0; p < static_cast<int>(sequence.size()); ++p) count += places.wanted(sequence, p) ? 1 : 0;
  }
  return count;
}

ContextChoice choose_context(const std::vector<std::vector<TokenId>>& sequences, TokenId token) {
  std::map<TokenId, int> counts;
  int total = 0;
  for (const auto& sequence : sequences) {
    for (std::size_t p = kPrimaryCandidates; p < sequence.size(); ++p) {
      if (sequence[p] != token) continue;
      ++counts[sequence[p - 1]];
      ++total;
    }
  }
  std::vector<std::pair<TokenId, int>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (order.size() < 2) {
    throw Error(ErrorCode::kInput,
                fmt::format("planting in context: expected token {} after different tokens in the calibration text; it "
                            "follows {}; use a longer text or another token",
                            token, order.empty() ? "none" : "one only"));
  }
  ContextChoice choice;
  int covered = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    // The last one stays a control.
    const bool chosen = 2 * covered < total && i + 1 < order.size();
    (chosen ? choice.after : choice.not_after).push_back(order[i].first);
    covered += order[i].second;
  }
  std::sort(choice.after.begin(), choice.after.end());
  std::sort(choice.not_after.begin(), choice.not_after.end());
  return choice;
}

}  // namespace sinkscope
