#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sinks/attention_shares.h"

namespace sinkscope {

// How much of the attention the sinks of a results file take, and the primary: of each text the largest share of a block's
// attention, and of these the median.
struct AttentionTaken {
  std::int64_t n_texts = 0;       // with a primary, where attention was measured
  std::int64_t n_with_sinks = 0;  // of them, texts in which sinks draw
  std::optional<double> sinks;    // share of all attention, median over n_with_sinks texts
  std::optional<double> primary;  // the same of the primary, median over n_texts
  std::string of_one_text;        // attention_in_words of the last text that was added
};

// Adds up AttentionTaken, a text after the other. Memory: two numbers a text.
class AttentionTakenSum {
 public:
  void add(const SequenceFigures& figures, const Detection& detection);
  AttentionTaken finish();

 private:
  std::vector<double> sinks_, primary_;
  std::string words_;
};

}  // namespace sinkscope
