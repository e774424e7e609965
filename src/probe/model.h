#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/views.h"
#include "probe/deployment.h"
#include "probe/model_facts.h"
#include "probe/observer.h"
#include "probe/vocabulary.h"

namespace sinkscope {

class Edit;

// Token sequences that are run together: each attends to itself only. One text alone is a pack of one.
struct Pack {
  std::vector<std::vector<TokenId>> sequences;
  int n_tokens() const {
    std::size_t n = 0;
    for (const auto& sequence : sequences) n += sequence.size();
    return static_cast<int>(n);
  }
};

struct RunOptions {
  int min_distance = 64;              // a query is far from a key if it comes at least so many positions later
  std::function<bool()> should_stop;  // asked before each micro-batch; true throws Error{kInterrupted}
  std::vector<Edit*> edits;           // what is changed before the network reads on (probe/edit.h); in this order
};

// How a next token is drawn.
struct SamplingOptions {
  float temperature = 0.8F;  // 0: always the likeliest token
  float top_p = 0.95F;       // of the likeliest tokens that together have this probability; 1: of all
  int top_k = 40;            // of so many likeliest tokens; 0: of all
  std::uint32_t seed = 1;
  bool operator==(const SamplingOptions&) const = default;
};

struct GenerateOptions {
  SamplingOptions sampling;
  int max_tokens = 512;                   // to generate, at most
  RunOptions run;                         // should_stop is asked before each generated token too
  std::function<void(TokenId)> on_token;  // told of each token that was drawn, before the network reads it
};

struct Generation {
  std::vector<TokenId> tokens;  // without the one that ends the text
  bool ended = false;           // by the model itself, with a token that ends texts; else max_tokens or the context did
};

// A model that can be run and observed. Its implementation lives in `engine`; other rooms know it by this only.
class Model {
 public:
  virtual ~Model() = default;

  virtual const ModelFacts& facts() const = 0;
  // Probe points that this network lacks; empty for a plain pre-norm transformer.
  virtual std::span<const Lacking> lacking() const = 0;
  virtual std::span<const ProbeNode> probe_nodes() const = 0;
  // Tokens that a sequence may have.
  virtual int max_tokens() const = 0;
  // Sequences that a pack may have; 1 for recurrent and hybrid networks, which read their tokens one by one.
  virtual int max_sequences() const = 0;
  virtual int n_ubatch() const = 0;
  // Sequences of up to so many tokens run in another network than longer ones: with the short of two sets of RoPE
  // factors. A pack holds sequences of one sort, and short ones up to so many tokens in all. Nothing: there is one
  // network.
  virtual std::optional<int> short_rope_tokens() const { return std::nullopt; }
  // Threads that it runs on; what measures it may use as many.
  virtual int n_threads() const { return 1; }

  // In which numbers, and on which devices, it multiplies, as results name it; empty if it does not say.
  virtual std::string precision() const { return {}; }
  // With which caches, RoPE settings, overrides and adapters it runs; adapters with their digests.
  virtual Deployment deployment() const { return {}; }

  // What its tokens stand for; lives as long as the model.
  virtual const Vocabulary& vocabulary() const = 0;

  // Runs the pack from an empty cache, micro-batch after micro-batch, and shows it to the observer.
  //
  // throws  Error{kInput} if a token id is out of range or a sequence is longer than max_tokens(); Error{kInternal} if
  //         the pack's sequences are not of one sort (short_rope_tokens) or too many;
  //         Error{kInterrupted} if should_stop said so; Error{kModel} if the network computed no finite
  //         numbers, or an invariant (column sums, writes) does not hold; whatever the observer or an edit threw;
  //         Error{kUsage} or Error{kModel} before anything is run if an edit cannot be made in this network
  // cost    one forward pass without the vocabulary product
  virtual void run(const Pack& pack, Observer& observer, const RunOptions& options) = 0;

  // Logits of the next token, from states after the final norm (Observer::on_final_states): the product with the
  // vocabulary, with what else the network does to it.
  //
  // states  [n, d_model], rows one after the other
  // logits  [n, n_vocab] is overwritten; it is made anew where its shape is another. Large, so some dozens of rows at
  // once throws  Error{kModel} if the network makes logits in a way that is not known, or where they cannot be had cost
  // 2 x n x d_model x n_vocab operations
  virtual void next_token_logits(MatrixView<const float> states, Matrix<float>& logits) = 0;

  // Continues a text, and shows it to the observer as it grows: the prompt in micro-batches, its last token and the
  // generated ones each in a micro-batch of its own. The last token that is drawn is not run.
  //
  // throws  Error{kUsage} if the sampling options cannot be used; otherwise as run()
  // cost    one forward pass with the vocabulary product a token
  virtual Generation generate(const std::vector<TokenId>& prompt, Observer& observer,
                              const GenerateOptions& options) = 0;
};

}  // namespace sinkscope
