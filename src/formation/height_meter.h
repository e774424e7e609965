#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/views.h"
#include "formation/parts.h"
#include "formation/text_sight.h"
#include "probe/model_facts.h"
#include "probe/observer.h"

namespace sinkscope {

// How the states of one sequence, and what its blocks write, lie along the sink axis: u_l = h_l[p] / |h_l[p]|.
//
//   state[l, t]      <h_l[t], u_l> / m_l            m_l: the median ordinary norm of layer l
//   attention[l, t]  <r_l[t] - h_{l-1}[t], u_l> / m_l
//   mlp[l, t]        <h_l[t] - r_l[t], u_l> / m_l
struct SequenceHeights {
  Matrix<float> state, attention, mlp;   // [n_layers, n_tokens]; 0 for tokens before the primary
  Matrix<float> norm;                    // [n_layers, n_tokens] of h_l[t]
  Matrix<float> mlp_norm;                // [n_layers, n_tokens] of the MLP's write / m_l
  Matrix<float> axes;                    // [n_layers, d_model] u_l
  std::vector<float> axis_norm;          // [n_layers] of h_l[p]
  std::vector<std::uint8_t> sees_all;    // [n_layers] the last query sees the first key: no window cut the text
  std::map<int, KeptStates> kept;        // by position
  std::map<int, Matrix<float>> sampled;  // by layer: [n_sampled, d_model] MLP inputs
};

struct HeightOptions {
  int primary = 0;                   // its position
  std::vector<float> ordinary_norm;  // [n_layers] m_l, positive
  std::vector<int> kept;             // positions whose writes are kept, ascending
  int n_kept_layers = 0;             // of layers below it
  std::vector<int> sampled;          // positions of which MLP inputs are kept, ascending
  std::vector<int> sampled_layers;   // in these layers
  int n_ubatch = 512;                // tokens of a micro-batch, at most
};

// Measures the heights of one sequence in one streaming pass. Writes are taken as r_l - h_{l-1} and h_l - r_l, in
// parallel blocks at the network's own write nodes.
//
// throws  Error{kInternal} from an event if a layer has no writes, or events do not fit
// memory  three micro-batches of states; 5 n_layers floats a token; (3 n_kept_layers + 1) d_model floats a kept token,
//         d_model floats a sampled token and layer
class HeightMeter : public Observer {
 public:
  HeightMeter(const ModelFacts& facts, int n_tokens, HeightOptions options);

  // Call it once, after Model::run has returned.
  //
  // throws  Error{kInternal} if tokens have not been seen
  SequenceHeights take();

  bool wants(ProbePoint point, int layer) override;
  // In the last micro-batch: which layers see the whole text.
  bool wants_attention(int layer) override;
  void on_state(const StateEvent& event) override;
  void on_attention(const AttentionEvent& event) override;
  void on_micro_batch_end(int first_token, int n_tokens) override;

 private:
  void measure(const StateEvent& event);
  void keep_inputs(const StateEvent& event);

  const ModelFacts& facts_;
  int n_tokens_;
  HeightOptions options_;
  TextSight sight_;
  int seen_ = 0;  // tokens of finished micro-batches
  SequenceHeights heights_;
  Matrix<float> before_;                       // [n_rows, d_model] h_{l-1}
  Matrix<float> mid_;                          // r_l
  Matrix<float> attention_write_, mlp_write_;  // of parallel blocks
};

}  // namespace sinkscope
