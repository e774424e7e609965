#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/views.h"
#include "probe/model.h"

namespace sinkscope {

// Tokens at a distance from the last removed token before them.
struct DistanceEffect {
  int first = 0;
  std::optional<int> last;  // both included; nothing: all beyond
  int n = 0;
  std::optional<double> loss, kl;  // means; nothing without tokens
};

inline constexpr std::size_t kDistanceRanges = 6;

// What an edit does to the predictions of the tokens behind it: means, in nats.
struct TokenEffect {
  int n = 0;             // tokens whose next one is known
  double loss_base = 0;  // of the unedited run
  double loss = 0;       // change of the next token's loss
  double kl = 0;         // KL(unedited || edited)
  std::vector<DistanceEffect> by_distance;  // 1, 2-4, 5-16, 17-64, 65-256, beyond; removed tokens are in none
};

// Keeps the states after the final norm of a pack of one sequence.
class FinalStates final : public Observer {
 public:
  explicit FinalStates(int n_tokens) : n_tokens_(n_tokens) {}
  bool wants_final_states() override { return true; }
  void on_final_states(int first_token, MatrixView<const float> states) override;
  const Matrix<float>& states() const { return states_; }  // [n_tokens, d_model]

 private:
  int n_tokens_;
  Matrix<float> states_;
};

// One edited run: its final states, and the tokens that were removed, ascending.
struct EditedStates {
  Matrix<float> states;
  std::vector<int> removed;
};

// Next-token losses of a run, in nats.
//
// states       [n_tokens, d_model] after the final norm
// returns      [n_tokens - 1]: at t, -log of the probability that the model gives to token t + 1
// should_stop  as in token_effects
// cost         the vocabulary product of each token, for 64 tokens at a time
std::vector<float> next_token_losses(Model& model, std::span<const TokenId> tokens, const Matrix<float>& states,
                                     const std::function<bool()>& should_stop = {});

// Losses and divergences of several edited runs of one text, over tokens from `first` on.
//
// should_stop  asked before each 64 tokens; true throws Error{kInterrupted}; may be empty
// throws       as Model::next_token_logits
// cost         the vocabulary product of each token and run, for 64 tokens at a time: memory of 192 x n_vocab floats
std::vector<TokenEffect> token_effects(Model& model, std::span<const TokenId> tokens, int first,
                                       const Matrix<float>& unedited, std::span<const EditedStates> edited,
                                       const std::function<bool()>& should_stop = {});

}  // namespace sinkscope
