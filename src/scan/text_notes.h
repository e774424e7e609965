#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scan/measurement_options.h"

namespace sinkscope {

// What is to be known of scanned texts before their figures are trusted, in sentences: who scans says them, whether program
// or library. What is to be said of the model, and is kept with it, are ModelRecord's notes.
class TextNotes {
 public:
  // n_ctx_train  as ModelFacts; 0: not known
  TextNotes(const MeasurementOptions& measurement, int n_ctx_train);

  void add(int n_tokens);
  // Tokens whose logit gap was not measured, as figures and summaries count them.
  void add_overflow(std::int64_t n_tokens) { n_overflow_ += n_tokens; }

  // Whether there are texts, and in none a key has enough far queries behind it for a verdict; never under the paper's
  // rule, which asks for none.
  bool none_judged() const { return n_texts_ > 0 && n_short_ == n_texts_; }
  std::vector<std::string> sentences() const;

 private:
  int needed_;  // tokens; 0: any text can be judged
  int n_ctx_train_;
  std::int64_t n_texts_ = 0, n_short_ = 0, n_overflow_ = 0;
  int longest_ = 0, longest_short_ = 0;
};

}  // namespace sinkscope
