#pragma once

#include <cstdint>
#include <vector>

#include "probe/model_facts.h"
#include "probe/observer.h"

namespace sinkscope {

// Which layers see a whole text: in the last micro-batch, whether the last query sees the first key.
class TextSight : public Observer {
 public:
  // n_ubatch  tokens of a micro-batch, at most
  TextSight(const ModelFacts& facts, int n_tokens, int n_ubatch);

  const std::vector<std::uint8_t>& sees_all() const { return sees_all_; }  // [n_layers]

  bool wants_attention(int layer) override;
  void on_attention(const AttentionEvent& event) override;
  void on_micro_batch_end(int first_token, int n_tokens) override;

 private:
  const ModelFacts& facts_;
  int n_tokens_, n_ubatch_;
  int seen_ = 0;  // tokens of finished micro-batches
  std::vector<std::uint8_t> sees_all_;
};

}  // namespace sinkscope
