#include "scan/text_notes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/words.h"
#include "probe/observer.h"

namespace sinkscope {

TextNotes::TextNotes(const MeasurementOptions& measurement, int n_ctx_train)
    : needed_(measurement.rule == "paper" ? 0 : measurement.min_distance + kMinFarQueries), n_ctx_train_(n_ctx_train) {}

void TextNotes::add(int n_tokens) {
  ++n_texts_;
  longest_ = std::max(longest_, n_tokens);
  if (n_tokens >= needed_) return;
  ++n_short_;
  longest_short_ = std::max(longest_short_, n_tokens);
}

std::vector<std::string> TextNotes::sentences() const {
  std::vector<std::string> sentences;
  if (n_ctx_train_ > 0 && longest_ > n_ctx_train_) {
    sentences.push_back(fmt::format("the model was trained on up to {} tokens; figures beyond say little", n_ctx_train_));
  }
  if (n_overflow_ > 0) {
    sentences.push_back(
        fmt::format("{} had state evidence when {} others were watched already, so their logit gap is not measured; no "
                    "verdict rests on it",
                    counted(n_overflow_, "token"), kWatchedKeys));
  }
  if (n_short_ > 0) {
    sentences.push_back(fmt::format("{} of {} {} too short to be judged: expected {} tokens or more, got {}{}", n_short_,
                                    n_texts_, n_texts_ == 1 ? "text is" : "texts are", needed_, longest_short_,
                                    n_short_ == 1 ? "" : " in the longest of them"));
  }
  return sentences;
}

}  // namespace sinkscope
