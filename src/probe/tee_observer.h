#pragma once

#include "probe/observer.h"

namespace sinkscope {

// Shows a run to two observers; each sees what it wants only. Watched keys are the first one's; keys by head the
// first one's too, if it names any, else the second one's.
class TeeObserver : public Observer {
 public:
  TeeObserver(Observer& first, Observer& second) : first_(first), second_(second) {}

  bool wants(ProbePoint point, int layer) override {
    const bool first = first_.wants(point, layer);
    return second_.wants(point, layer) || first;
  }
  bool wants_attention(int layer) override {
    const bool first = first_.wants_attention(layer);
    return second_.wants_attention(layer) || first;
  }
  std::span<const std::int32_t> watched_keys(int layer) override { return first_.watched_keys(layer); }
  bool wants_eviction_cost(int layer) override { return first_.wants_eviction_cost(layer); }
  std::span<const std::int32_t> keys_by_head(int layer) override {
    const auto first = first_.keys_by_head(layer);
    return first.empty() ? second_.keys_by_head(layer) : first;
  }
  void on_state(const StateEvent& event) override {
    if (first_.wants(event.point, event.layer)) first_.on_state(event);
    if (second_.wants(event.point, event.layer)) second_.on_state(event);
  }
  // Figures are for both or for none.
  bool takes_figures() override {
    const bool first = first_.takes_figures();
    return second_.takes_figures() && first;
  }
  // Candidates and questions are the first one's, as watched keys.
  std::span<const std::vector<int>> figure_candidates() override { return first_.figure_candidates(); }
  void on_state_figures(const StateFigures& figures) override {
    first_.on_state_figures(figures);
    second_.on_state_figures(figures);
  }
  StateQuestions state_questions(int layer) override { return first_.state_questions(layer); }
  void on_state_answers(const StateAnswers& answers) override { first_.on_state_answers(answers); }
  void on_attention(const AttentionEvent& event) override {
    if (first_.wants_attention(event.layer)) first_.on_attention(event);
    if (second_.wants_attention(event.layer)) second_.on_attention(event);
  }
  void on_key_value(const KeyValueEvent& event) override {
    first_.on_key_value(event);
    second_.on_key_value(event);
  }
  bool wants_final_states() override {
    const bool first = first_.wants_final_states();
    return second_.wants_final_states() || first;
  }
  void on_final_states(int first_token, MatrixView<const float> states) override {
    if (first_.wants_final_states()) first_.on_final_states(first_token, states);
    if (second_.wants_final_states()) second_.on_final_states(first_token, states);
  }
  void on_micro_batch_begin(int first_token, int n_tokens) override {
    first_.on_micro_batch_begin(first_token, n_tokens);
    second_.on_micro_batch_begin(first_token, n_tokens);
  }
  void on_micro_batch_end(int first_token, int n_tokens) override {
    first_.on_micro_batch_end(first_token, n_tokens);
    second_.on_micro_batch_end(first_token, n_tokens);
  }

 private:
  Observer& first_;
  Observer& second_;
};

}  // namespace sinkscope
