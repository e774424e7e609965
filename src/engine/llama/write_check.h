#pragma once

#include <string>
#include <vector>

#include "probe/model_facts.h"
#include "probe/observer.h"

namespace sinkscope {

// Passes events on to an observer, and looks at the first rows of the first micro-batch itself: what attention and MLP
// write, by the network's own nodes, must rebuild the residual stream.
//
//   h_{l-1} + attention write = r_l, r_l + MLP write = h_l, each within 1e-4 of the norm of the sum
//
// A sum that an edit changed after the network had made it is left out; so a changed write must be in the next sum.
//
// throws  Error{kModel} from on_state where that does not hold: a probe point then lies at another node than it should
// cost    16 rows, two nodes more in each block, in one micro-batch of a run
class WriteCheck final : public Observer {
 public:
  WriteCheck(const ModelFacts& facts, Observer& observer);

  bool wants(ProbePoint point, int layer) override;
  bool wants_attention(int layer) override { return observer_.wants_attention(layer); }
  std::span<const std::int32_t> watched_keys(int layer) override { return observer_.watched_keys(layer); }
  bool wants_eviction_cost(int layer) override { return observer_.wants_eviction_cost(layer); }
  std::span<const std::int32_t> keys_by_head(int layer) override { return observer_.keys_by_head(layer); }
  bool wants_final_states() override { return observer_.wants_final_states(); }
  void on_final_states(int first_token, MatrixView<const float> states) override {
    observer_.on_final_states(first_token, states);
  }
  void on_state(const StateEvent& event) override;
  bool takes_figures() override { return observer_.takes_figures(); }
  std::span<const std::vector<int>> figure_candidates() override { return observer_.figure_candidates(); }
  void on_state_figures(const StateFigures& figures) override { observer_.on_state_figures(figures); }
  StateQuestions state_questions(int layer) override { return observer_.state_questions(layer); }
  void on_state_answers(const StateAnswers& answers) override { observer_.on_state_answers(answers); }
  bool checks_writes() override { return checking_; }
  void on_writes(const WriteFigures& figures) override;
  void on_attention(const AttentionEvent& event) override { observer_.on_attention(event); }
  void on_key_value(const KeyValueEvent& event) override { observer_.on_key_value(event); }
  void on_micro_batch_begin(int first_token, int n_tokens) override {
    observer_.on_micro_batch_begin(first_token, n_tokens);
  }
  void on_micro_batch_end(int first_token, int n_tokens) override;

 private:
  using Rows = std::vector<float>;

  void look_at(const StateEvent& event);
  void check(const Rows& sum, const Rows& state, const std::string& what, const StateEvent& event) const;

  const ModelFacts& facts_;
  Observer& observer_;
  bool checking_ = true;
  Rows stream_, attention_write_, mlp_write_;  // of the first rows; empty where not seen in this block
  int stream_layer_ = -2;                      // the block after which the stream was seen; -1: the embedding
};

}  // namespace sinkscope
