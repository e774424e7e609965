#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "probe/model_facts.h"
#include "probe/observer.h"

namespace sinkscope {

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
  int min_distance = 64;               // a query is far from a key if it comes at least so many positions later
  std::function<bool()> should_stop;   // asked before each micro-batch; true throws Error{kInterrupted}
};

// A model that can be run and observed. Its implementation lives in `engine`; other rooms know it by this only.
class Model {
 public:
  virtual ~Model() = default;

  virtual const ModelFacts& facts() const = 0;
  // Probe points that this network lacks; empty for a plain pre-norm transformer.
  virtual std::span<const Lacking> lacking() const = 0;
  virtual std::span<const ProbeNode> probe_nodes() const = 0;
  // Tokens that fit into one run.
  virtual int max_tokens() const = 0;
  virtual int n_ubatch() const = 0;

  // parse_special  false: text that looks like a control token stays text
  // returns        tokens without BOS
  virtual std::vector<TokenId> tokenize(std::string_view text, bool parse_special) const = 0;
  // The bytes that a token stands for; control tokens by their name.
  virtual std::string token_bytes(TokenId token) const = 0;
  // The Jinja source of the model's own chat template; empty without one.
  virtual std::string chat_template() const = 0;

  // Runs the pack from an empty cache, micro-batch after micro-batch, and shows it to the observer.
  //
  // throws  Error{kInput} if a token id is out of range or the pack is longer than max_tokens();
  //         Error{kInterrupted} if should_stop said so; Error{kModel} if the network computed no finite
  //         numbers, or an invariant (column sums, writes) does not hold; whatever the observer threw
  // cost    one forward pass without the vocabulary product
  virtual void run(const Pack& pack, Observer& observer, const RunOptions& options) = 0;
};

}  // namespace sinkscope
