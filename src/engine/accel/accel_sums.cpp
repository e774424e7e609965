#include "engine/accel/accel_sums.h"

#include "base/error.h"

namespace sinkscope {

std::optional<ColumnQuestion> AccelSums::before_attention(const ggml_tensor& node) {
  answered_ = nullptr;
  const std::optional<ColumnQuestion> question = asker_.question_for(node);
  if (question) question_ = *question;
  return question;
}

void AccelSums::after_attention(const ggml_tensor& node, const AttentionSums& sums) {
  answered_ = &node;
  sums_ = sums;
}

AttentionSums AccelSums::sum(const ggml_tensor& node, const ColumnQuestion& question) {
  const bool as_asked = question.mask == question_.mask && question.watched.data() == question_.watched.data() &&
                        question.watched.size() == question_.watched.size() && question.by_head == question_.by_head;
  if (!takes(node) || !as_asked) {
    throw Error(ErrorCode::kInternal, "column sums: expected the question that the device was asked, got another");
  }
  answered_ = nullptr;
  return sums_;
}

}  // namespace sinkscope
