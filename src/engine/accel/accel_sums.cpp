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

AttentionSums AccelSums::sum(const ggml_tensor& node, const AttentionMask& mask,
                             std::span<const std::int32_t> watched) {
  const bool as_asked = &mask == question_.mask && watched.data() == question_.watched.data() &&
                        watched.size() == question_.watched.size();
  if (!takes(node) || !as_asked) {
    throw Error(ErrorCode::kInternal, "column sums: expected the question that the device was asked, got another");
  }
  answered_ = nullptr;
  return sums_;
}

}  // namespace sinkscope
