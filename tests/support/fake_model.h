#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "probe/model.h"
#include "tests/support/fake_vocabulary.h"

namespace sinkscope {

// A sink that a FakeModel makes because it is told to.
struct DictatedSink {
  std::optional<TokenId> token;  // which token becomes one; nothing: any
  std::optional<int> position;   // at which position of a sequence; nothing: at all
  int l_start = 0, l_end = 0;    // the MLP of l_start makes its state, that of l_end + 1 takes it back
  float norm = 0;                // of the state along the sink axis from l_start to l_end; ordinary states have 1 to 2
  bool aligned = true;           // false: along another axis, which attention reads as well
};

struct FakeModelOptions {
  int n_layers = 12;
  int d_model = 32;  // at least 8
  int n_heads = 2;   // with one KV head
  int n_ubatch = 48;
  int max_tokens = 4096;
  int max_sequences = 8;
  bool parallel_blocks = false;  // no state between attention and MLP: both read the block's input
  float attention_gain = 5;      // logit of a key that is nothing but sink axis
  // Of several that fit a token, the first counts. As it stands, position 0 is a primary.
  std::vector<DictatedSink> sinks = {{std::nullopt, 0, 1, 10, 24, true}};
  std::vector<TokenId> continuation;  // what generate() says, then the end; nothing: letters at random by the seed
};

// A small transformer in plain C++ that runs, so that analyses can be tested without an engine. Equal calls show equal
// events. Its tokens are bytes, BOS and EOS.
//
//   x        = h_{l-1} / |h_{l-1}|
//   logit    = gain * (max(0, x_k . axis)^2 + max(0, x_k . other axis)^2) + (head + 1) / 2 * x_q . x_k
//   r_l      = h_{l-1} + mean over heads of sum over k <= q of softmax(logit) v_k     v: x without both axes, turned, /
//   2 h_l      = r_l + the MLP's write: r_l / |r_l| turned, / 5; and what DictatedSink says
//
// So sinks draw attention by what their states are, and what makes their states can be taken away: edits work as in a
// real model.
// cost  O(n_layers * n_heads * n_tokens^2 * d_model): meant for some hundred tokens
class FakeModel : public Model {
 public:
  // throws  Error{kUsage} if a size or a dictated sink cannot be
  explicit FakeModel(FakeModelOptions options = {});
  ~FakeModel() override;

  const FakeModelOptions& options() const { return options_; }
  // Unit vectors [d_model]: of the primary and all aligned sinks, and of the unaligned. Two channels carry each.
  const std::vector<float>& axis() const { return axis_; }
  const std::vector<float>& other_axis() const { return other_axis_; }

  const ModelFacts& facts() const override { return facts_; }
  std::span<const Lacking> lacking() const override { return lacking_; }
  std::span<const ProbeNode> probe_nodes() const override { return nodes_; }
  int max_tokens() const override { return options_.max_tokens; }
  int max_sequences() const override { return options_.max_sequences; }
  int n_ubatch() const override { return options_.n_ubatch; }

  // States after the final norm are block outputs at length 1; a token's logit is 8 x its embedding . state.
  void next_token_logits(MatrixView<const float> states, Matrix<float>& logits) override;
  void run(const Pack& pack, Observer& observer, const RunOptions& options) override;
  Generation generate(const std::vector<TokenId>& prompt, Observer& observer, const GenerateOptions& options) override;

  // Tokens are bytes.
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  class Pass;

  void check_edits(const RunOptions& options, const std::vector<int>& n_tokens) const;

  FakeModelOptions options_;
  FakeVocabulary vocabulary_;
  ModelFacts facts_;
  std::vector<Lacking> lacking_;
  std::vector<ProbeNode> nodes_;
  std::vector<float> axis_, other_axis_;
};

// BOS and letters a to z at random, n_tokens in all.
//
// placed  tokens at these positions instead
std::vector<TokenId> fake_text(int n_tokens, unsigned seed, const std::map<int, TokenId>& placed = {});

}  // namespace sinkscope
