#include "formation/mlp_map.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/index.h"
#include "probe/edit.h"

namespace sinkscope {
namespace {

// Puts rows where one layer's MLP reads, for every token of the first sequence.
class FeedMlp final : public Edit {
 public:
  // points  those that are the node which the MLP reads
  FeedMlp(int layer, std::vector<ProbePoint> points, MatrixView<const float> rows)
      : layer_(layer), points_(std::move(points)), rows_(rows) {}

  std::string description() const override { return "inputs of the MLP of layer " + std::to_string(layer_); }
  bool touches(ProbePoint point, int layer) const override {
    return layer == layer_ && std::ranges::find(points_, point) != points_.end();
  }
  void edit_states(EditableStates& states) override {
    for (int row = 0; row < states.tokens().n_rows(); ++row) {
      const auto input = rows_.row(index(states.tokens().position(row)));
      std::ranges::copy(input, states.change(row).begin());
    }
  }

 private:
  int layer_;
  std::vector<ProbePoint> points_;
  MatrixView<const float> rows_;
};

class ReadWrite final : public Observer {
 public:
  ReadWrite(int layer, MatrixView<float> outputs) : layer_(layer), outputs_(outputs) {}
  bool wants(ProbePoint point, int layer) override { return point == ProbePoint::kMlpWrite && layer == layer_; }
  void on_state(const StateEvent& event) override {
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      std::ranges::copy(event.states.row(row), outputs_.row(index(event.first_token) + row).begin());
      ++n_rows_;
    }
  }
  std::size_t n_rows() const { return n_rows_; }

 private:
  int layer_;
  MatrixView<float> outputs_;
  std::size_t n_rows_ = 0;
};

// The points that are the very node which the MLP reads: in some networks the attention reads it too, or it is the
// stream itself.
std::vector<ProbePoint> input_points(const Model& model, int layer) {
  const auto node_of = [&](const char* what) -> std::optional<std::string> {
    for (const ProbeNode& node : model.probe_nodes()) {
      if (node.layer == layer && node.what == what) return node.node;
    }
    return std::nullopt;
  };
  const auto input = node_of("mlp_input");
  if (!input || !node_of("mlp_write")) {
    throw Error(ErrorCode::kModel, "mlp: expected an MLP in layer " + std::to_string(layer) +
                                       ", whose input and write can be observed, got none");
  }
  if (node_of("mid_residual") == input) return {ProbePoint::kMidResidual};  // what it reads is changed with it
  std::vector<ProbePoint> points = {ProbePoint::kMlpInput};
  if (node_of("attention_input") == input) points.push_back(ProbePoint::kAttentionInput);
  return points;
}

}  // namespace

Matrix<float> run_mlp(Model& model, int layer, MatrixView<const float> inputs, const RunOptions& options) {
  const ModelFacts& facts = model.facts();
  if (layer < 0 || layer >= facts.n_layers) {
    throw Error(ErrorCode::kUsage, "mlp: expected a layer from 0 to " + std::to_string(facts.n_layers - 1) + ", got " +
                                       std::to_string(layer));
  }
  if (inputs.cols() != index(facts.d_model)) {
    throw Error(ErrorCode::kShape, "mlp: expected inputs of " + std::to_string(facts.d_model) + " channels, got " +
                                       std::to_string(inputs.cols()));
  }
  const std::vector<ProbePoint> points = input_points(model, layer);
  Matrix<float> outputs(inputs.rows(), inputs.cols());
  const std::size_t most = index(std::min(model.n_ubatch(), model.max_tokens()));
  for (std::size_t first = 0; first < inputs.rows(); first += most) {
    const std::size_t n = std::min(most, inputs.rows() - first);
    FeedMlp feed(layer, points, inputs.middle_rows(first, n));
    ReadWrite read(layer, outputs.view().middle_rows(first, n));
    RunOptions run = options;
    run.edits.push_back(&feed);
    // Which tokens are run is no matter: their states are replaced.
    model.run({{std::vector<TokenId>(n, std::max(facts.bos, 0))}}, read, run);
    if (read.n_rows() != n) throw Error(ErrorCode::kInternal, "mlp: writes of some tokens were not shown");
  }
  return outputs;
}

}  // namespace sinkscope
