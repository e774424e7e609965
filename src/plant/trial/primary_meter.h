#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "probe/observer.h"

namespace sinkscope {

// What one key, mostly the primary, receives in one block: its score in a text, and its logit over several.
class PrimaryMeter : public Observer {
 public:
  PrimaryMeter(int block, int min_distance) : block_(block), min_distance_(min_distance) {}

  // Before each text.
  void begin(int key);
  // Mean over heads of the attention that the key received in the last text, a visible query; nothing if no query saw
  // it.
  std::optional<float> score() const;
  // Mean attention logit over heads and far queries, of all texts.
  std::optional<double> logit() const;

  bool wants_attention(int layer) override { return layer == block_; }
  void on_attention(const AttentionEvent& event) override;

 private:
  void add_logits(const AttentionEvent& event);

  int block_, min_distance_, key_ = 0;
  std::vector<float> sums_;  // [n_heads] of the text
  int visible_ = 0;          // of the text
  double logit_sum_ = 0;
  std::int64_t logit_queries_ = 0;
};

}  // namespace sinkscope
