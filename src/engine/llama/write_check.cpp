#include "engine/llama/write_check.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "probe/not_finite.h"

namespace sinkscope {
namespace {

constexpr std::size_t kRows = 16;
// The network adds in float32; a device that keeps its stream in half precision would show here.
constexpr double kTolerance = 1e-4;

std::vector<float> plus(std::vector<float> a, const std::vector<float>& b) {
  if (a.size() != b.size()) return {};
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

void judge(double squared_difference, double squared_norm, const std::string& what, int layer) {
  const double difference = std::sqrt(squared_difference), norm = std::sqrt(squared_norm);
  if (!std::isfinite(norm) || !std::isfinite(difference)) {
    throw NotFinite("block " + std::to_string(layer) + ": expected finite states after the " + what +
                    ", got a norm of " + std::to_string(norm) + "; the model file may be damaged");
  }
  if (difference <= kTolerance * norm) return;
  throw Error(ErrorCode::kModel, "block " + std::to_string(layer) + ": expected the residual stream and the " + what +
                                     " to add up to the next state, got a difference of " + std::to_string(difference) +
                                     " at a norm of " + std::to_string(norm) +
                                     "; numbers of this model cannot be trusted here, please report its architecture");
}

}  // namespace

WriteCheck::WriteCheck(const ModelFacts& facts, Observer& observer) : facts_(facts), observer_(observer) {}

bool WriteCheck::wants(ProbePoint point, int layer) {
  if (observer_.wants(point, layer)) return true;
  if (!checking_) return false;
  const bool adds_up = point == ProbePoint::kEmbedding || point == ProbePoint::kAttentionWrite ||
                       point == ProbePoint::kMidResidual || point == ProbePoint::kMlpWrite ||
                       point == ProbePoint::kBlockOutput;
  return adds_up && observer_.wants(ProbePoint::kBlockOutput, std::max(layer, 0));
}

void WriteCheck::on_state(const StateEvent& event) {
  if (checking_) look_at(event);
  if (observer_.wants(event.point, event.layer)) observer_.on_state(event);
}

void WriteCheck::on_micro_batch_end(int first_token, int n_tokens) {
  checking_ = false;
  observer_.on_micro_batch_end(first_token, n_tokens);
}

void WriteCheck::look_at(const StateEvent& event) {
  Rows rows;
  for (std::size_t r = 0; r < std::min(kRows, event.states.rows()); ++r) {
    const auto row = event.states.row(r);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  if (event.layer != stream_layer_ + 1) {  // nobody wanted the blocks between
    stream_.clear();
    attention_write_.clear();
    mlp_write_.clear();
    stream_layer_ = event.layer - 1;
  }
  switch (event.point) {
    case ProbePoint::kEmbedding:
      stream_ = std::move(rows);
      stream_layer_ = event.layer;
      break;
    case ProbePoint::kAttentionWrite:
      attention_write_ = std::move(rows);
      break;
    case ProbePoint::kMlpWrite:
      mlp_write_ = std::move(rows);
      break;
    case ProbePoint::kMidResidual:
      check(plus(stream_, attention_write_), rows, "attention write", event);
      stream_ = std::move(rows);
      break;
    case ProbePoint::kBlockOutput: {
      const bool parallel = !facts_.has_mid_residual[static_cast<std::size_t>(event.layer)];
      const Rows before = parallel ? plus(stream_, attention_write_) : stream_;
      check(plus(before, mlp_write_), rows, "MLP write", event);
      stream_ = std::move(rows);
      stream_layer_ = event.layer;
      attention_write_.clear();
      mlp_write_.clear();
      break;
    }
    case ProbePoint::kAttentionInput:
    case ProbePoint::kMlpInput:
    case ProbePoint::kCachedKeys:
    case ProbePoint::kCachedValues:
      break;
  }
}

void WriteCheck::check(const Rows& sum, const Rows& state, const std::string& what, const StateEvent& event) const {
  if (sum.size() != state.size()) return;  // the network shows no such node in this block
  const std::size_t width = event.states.cols();
  for (std::size_t first = 0; first < state.size(); first += width) {
    if (!event.edited.empty() && event.edited[first / width]) continue;
    double difference = 0, norm = 0;
    for (std::size_t i = first; i < first + width; ++i) {
      const double d = static_cast<double>(sum[i]) - static_cast<double>(state[i]);
      difference += d * d;
      norm += static_cast<double>(state[i]) * static_cast<double>(state[i]);
    }
    judge(difference, norm, what, event.layer);
  }
}

void WriteCheck::on_writes(const WriteFigures& figures) {
  const bool mid = figures.point == ProbePoint::kMidResidual;
  for (std::size_t row = 0; row < figures.squared_error.size(); ++row) {
    judge(static_cast<double>(figures.squared_error[row]), static_cast<double>(figures.squared_norm[row]),
          mid ? "attention write" : "MLP write", figures.layer);
  }
}

}  // namespace sinkscope
