#include "formation/height_meter.h"

#include <Eigen/Dense>
#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

using Vector = Eigen::Map<const Eigen::VectorXf>;

Vector as_vector(std::span<const float> row) { return {row.data(), static_cast<Eigen::Index>(row.size())}; }

void copy_rows(MatrixView<const float> rows, Matrix<float>& to) {
  if (to.rows() != rows.rows() || to.cols() != rows.cols()) to = Matrix<float>(rows.rows(), rows.cols());
  for (std::size_t i = 0; i < rows.rows(); ++i) std::ranges::copy(rows.row(i), to.row(i).begin());
}

}  // namespace

HeightMeter::HeightMeter(const ModelFacts& facts, int n_tokens, HeightOptions options)
    : facts_(facts), n_tokens_(n_tokens), options_(std::move(options)), sight_(facts, n_tokens, options_.n_ubatch) {
  const std::size_t layers = index(facts.n_layers), tokens = index(n_tokens), d = index(facts.d_model);
  for (Matrix<float>* of_tokens :
       {&heights_.state, &heights_.attention, &heights_.mlp, &heights_.norm, &heights_.mlp_norm}) {
    *of_tokens = Matrix<float>(layers, tokens);
  }
  heights_.axes = Matrix<float>(layers, d);
  heights_.axis_norm.assign(layers, 0);
  for (const int layer : options_.sampled_layers) heights_.sampled[layer] = Matrix<float>(options_.sampled.size(), d);
  for (const int position : options_.kept) {
    KeptStates& states = heights_.kept[position];
    states.embedding.assign(d, 0);
    for (Matrix<float>* of_layers : {&states.attention, &states.mlp, &states.mlp_input}) {
      *of_layers = Matrix<float>(index(options_.n_kept_layers), d);
    }
  }
}

SequenceHeights HeightMeter::take() {
  if (seen_ != n_tokens_) {
    throw Error(ErrorCode::kInternal,
                "heights: expected events of " + std::to_string(n_tokens_) + " tokens, got " + std::to_string(seen_));
  }
  heights_.sees_all = sight_.sees_all();
  return std::move(heights_);
}

bool HeightMeter::wants(ProbePoint point, int layer) {
  switch (point) {
    case ProbePoint::kEmbedding:
    case ProbePoint::kBlockOutput:
      return true;
    case ProbePoint::kMidResidual:
      return facts_.has_mid_residual[index(layer)];
    case ProbePoint::kAttentionWrite:
    case ProbePoint::kMlpWrite:
      return !facts_.has_mid_residual[index(layer)];
    case ProbePoint::kMlpInput:
      return (layer < options_.n_kept_layers && !options_.kept.empty()) || heights_.sampled.contains(layer);
    default:
      return false;
  }
}

bool HeightMeter::wants_attention(int layer) { return sight_.wants_attention(layer); }

void HeightMeter::on_state(const StateEvent& event) {
  switch (event.point) {
    case ProbePoint::kEmbedding:
      copy_rows(event.states, before_);
      for (auto& [position, states] : heights_.kept) {
        const int row = position - event.first_token;
        if (row < 0 || row >= static_cast<int>(event.states.rows())) continue;
        std::ranges::copy(event.states.row(index(row)), states.embedding.begin());
      }
      break;
    case ProbePoint::kMidResidual:
      copy_rows(event.states, mid_);
      break;
    case ProbePoint::kAttentionWrite:
      copy_rows(event.states, attention_write_);
      break;
    case ProbePoint::kMlpWrite:
      copy_rows(event.states, mlp_write_);
      break;
    case ProbePoint::kMlpInput:
      keep_inputs(event);
      break;
    case ProbePoint::kBlockOutput:
      measure(event);
      break;
    default:
      break;
  }
}

void HeightMeter::keep_inputs(const StateEvent& event) {
  const auto row_of = [&](int position) -> std::optional<std::size_t> {
    const int row = position - event.first_token;
    if (row < 0 || row >= static_cast<int>(event.states.rows())) return std::nullopt;
    return index(row);
  };
  if (event.layer < options_.n_kept_layers) {
    for (auto& [position, states] : heights_.kept) {
      if (const auto row = row_of(position)) {
        std::ranges::copy(event.states.row(*row), states.mlp_input.row(index(event.layer)).begin());
      }
    }
  }
  const auto sampled = heights_.sampled.find(event.layer);
  if (sampled == heights_.sampled.end()) return;
  for (std::size_t i = 0; i < options_.sampled.size(); ++i) {
    if (const auto row = row_of(options_.sampled[i])) {
      std::ranges::copy(event.states.row(*row), sampled->second.row(i).begin());
    }
  }
}

void HeightMeter::measure(const StateEvent& event) {
  const std::size_t layer = index(event.layer), n_rows = event.states.rows(), d = event.states.cols();
  const bool has_mid = facts_.has_mid_residual[layer];
  if (!facts_.has_writes[layer]) throw Error(ErrorCode::kInternal, "heights: expected a network that shows writes");
  for (const Matrix<float>* rows : {&before_, has_mid ? &mid_ : &attention_write_, has_mid ? &mid_ : &mlp_write_}) {
    if (rows->rows() != n_rows) throw Error(ErrorCode::kInternal, "heights: expected whole micro-batches of states");
  }
  const int primary_row = options_.primary - event.first_token;
  if (primary_row >= 0 && primary_row < static_cast<int>(n_rows)) {
    const auto state = event.states.row(index(primary_row));
    const float norm = as_vector(state).norm();
    heights_.axis_norm[layer] = norm;
    for (std::size_t i = 0; i < d; ++i) heights_.axes(layer, i) = norm > 0 ? state[i] / norm : 0;
  }
  const auto axis = as_vector(std::as_const(heights_.axes).row(layer));
  const float scale = options_.ordinary_norm[layer];
  Eigen::VectorXf attention(static_cast<Eigen::Index>(d)), mlp(static_cast<Eigen::Index>(d));
  for (std::size_t row = 0; row < n_rows; ++row) {
    const std::size_t token = index(event.first_token) + row;
    const auto state = as_vector(event.states.row(row));
    if (has_mid) {
      const auto mid = as_vector(std::as_const(mid_).row(row));
      attention = mid - as_vector(std::as_const(before_).row(row));
      mlp = state - mid;
    } else {
      attention = as_vector(std::as_const(attention_write_).row(row));
      mlp = as_vector(std::as_const(mlp_write_).row(row));
    }
    heights_.state(layer, token) = state.dot(axis) / scale;
    heights_.attention(layer, token) = attention.dot(axis) / scale;
    heights_.mlp(layer, token) = mlp.dot(axis) / scale;
    heights_.norm(layer, token) = state.norm();
    heights_.mlp_norm(layer, token) = mlp.norm() / scale;
    if (event.layer >= options_.n_kept_layers) continue;
    const auto kept = heights_.kept.find(static_cast<int>(token));
    if (kept == heights_.kept.end()) continue;
    std::ranges::copy(attention, kept->second.attention.row(layer).begin());
    std::ranges::copy(mlp, kept->second.mlp.row(layer).begin());
  }
  copy_rows(event.states, before_);
}

void HeightMeter::on_attention(const AttentionEvent& event) { sight_.on_attention(event); }

void HeightMeter::on_micro_batch_end(int first_token, int n_tokens) {
  if (first_token != seen_) throw Error(ErrorCode::kInternal, "heights: micro-batches out of order");
  seen_ += n_tokens;
  sight_.on_micro_batch_end(first_token, n_tokens);
}

}  // namespace sinkscope
