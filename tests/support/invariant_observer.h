#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "probe/model.h"

namespace sinkscope {

// Watches a run for what must hold in every network: writes add up to the residual stream, rows of attention to 1.
class InvariantObserver final : public Observer {
 public:
  explicit InvariantObserver(const ModelFacts& facts) : facts_(facts) {}

  bool wants(ProbePoint, int) override { return true; }
  bool wants_attention(int) override { return true; }

  void on_state(const StateEvent& event) override {
    ++states[event.point];
    auto& kept = last_[event.point];
    kept.assign(event.states.data(), event.states.data() + event.states.rows() * event.states.cols());
    const auto index = static_cast<std::size_t>(std::max(event.layer, 0));
    if (event.point == ProbePoint::kEmbedding) stream_ = kept;
    if (event.point == ProbePoint::kMidResidual) {
      check_sum(last_[ProbePoint::kAttentionWrite], kept, event.layer);
      stream_ = kept;
    }
    if (event.point == ProbePoint::kBlockOutput) {
      if (facts_.has_mid_residual[index]) {
        check_sum(last_[ProbePoint::kMlpWrite], kept, event.layer);
      } else if (facts_.has_writes[index]) {
        auto both = last_[ProbePoint::kAttentionWrite];
        const auto& mlp = last_[ProbePoint::kMlpWrite];
        for (std::size_t i = 0; i < both.size(); ++i) both[i] += mlp[i];
        check_sum(both, kept, event.layer);
      }
      stream_ = kept;
    }
  }

  void on_attention(const AttentionEvent& event) override {
    ++attentions;
    for (std::size_t head = 0; head < event.sums.rows(); ++head) {
      double mass = event.learned_mass.empty() ? 0.0 : event.learned_mass[head];
      for (const float value : event.sums.row(head)) mass += value;
      worst_mass_error = std::max(worst_mass_error, std::abs(mass / event.n_queries - 1));
    }
  }

  void on_key_value(const KeyValueEvent& event) override {
    ++key_values;
    for (const float norm : event.key_norm) EXPECT_GT(norm, 0) << "layer " << event.layer;
  }
  void on_micro_batch_end(int, int) override { ++micro_batches; }

  std::map<ProbePoint, int> states;
  int attentions = 0, key_values = 0, micro_batches = 0;
  double worst_mass_error = 0, worst_write_error = 0;

 private:
  // Relative to the norm of the state: its largest channel is 1000 times the others in some models.
  void check_sum(const std::vector<float>& write, const std::vector<float>& state, int layer) {
    ASSERT_EQ(write.size(), state.size()) << "layer " << layer;
    ASSERT_EQ(stream_.size(), state.size()) << "layer " << layer;
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < state.size(); ++i) {
      const double d = static_cast<double>(stream_[i]) + write[i] - state[i];
      difference += d * d;
      norm += static_cast<double>(state[i]) * state[i];
    }
    worst_write_error = std::max(worst_write_error, std::sqrt(difference / norm));
  }

  const ModelFacts& facts_;
  std::map<ProbePoint, std::vector<float>> last_;
  std::vector<float> stream_;
};

}  // namespace sinkscope
