#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/views.h"
#include "probe/model_facts.h"
#include "probe/observer.h"
#include "sinks/figures.h"

namespace sinkscope {

// The direction along which a layer's sinks lie, and what ordinary tokens' MLPs write along it.
struct SinkAxis {
  std::vector<float> direction;  // [d_model] the primary's state after the layer, at length 1
  double ordinary = 0;           // median over ordinary tokens of the MLP's write . direction
};
using SinkAxes = std::vector<SinkAxis>;  // [n_layers]

// Keeps one token's state after each block.
class StateKeeper final : public Observer {
 public:
  // token  its index in the pack
  StateKeeper(int n_layers, int token) : token_(token), states_(static_cast<std::size_t>(n_layers)) {}
  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent& event) override;
  // [n_layers] of [d_model]
  const std::vector<std::vector<float>>& states() const { return states_; }

 private:
  int token_;
  std::vector<std::vector<float>> states_;
};

// One array of a sequence's profiles, [n_layers, n_tokens].
//
// throws  Error{kInternal} if the profiles have none of this name
MatrixView<const float> profile_of_all(std::span<const ProfileArray> profiles, const char* name);

// states    [n_layers] of the primary
// profiles  of the same run: norms and alignments with that primary
// throws    Error{kModel} if a layer shows no MLP write
SinkAxes sink_axes(std::span<const std::vector<float>> states, std::span<const ProfileArray> profiles);

// Tokens that can stand for a sink as a placebo: at position >= 8, norm ratio < 2 in every layer, far boost < 3 in every
// measured block.
//
// profiles       of the unedited run
// ordinary_norm  [n_layers] by which norms are divided
// returns        [n_tokens] 1 where it can; all 0 where norm ratios are not measured
std::vector<std::uint8_t> ordinary_tokens(std::span<const ProfileArray> profiles, const LayerFigures& ordinary_norm);

}  // namespace sinkscope
