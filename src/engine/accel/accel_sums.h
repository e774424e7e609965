#pragma once

#include <optional>

#include "engine/accel/device.h"
#include "engine/attention/summer.h"

namespace sinkscope {

// The column sums that the device makes while it computes attention: give it to an AccelScope as the listener.
//
// It takes the nodes that the device computed and had a question for. Where the build has no device, or the device
// leaves a node to the CPU (few queries, precision native), it takes none.
class AccelSums final : public ColumnSummer, public AccelAttentionListener {
 public:
  // asker  must outlive this
  explicit AccelSums(ColumnAsker& asker) : asker_(asker) {}

  void begin_micro_batch() override { answered_ = nullptr; }
  bool takes(const ggml_tensor& node) const override { return answered_ == &node; }
  // throws  Error{kInternal} if the device was asked for other columns
  AttentionSums sum(const ggml_tensor& node, const ColumnQuestion& question) override;

  std::optional<ColumnQuestion> before_attention(const ggml_tensor& node) override;
  void after_attention(const ggml_tensor& node, const AttentionSums& sums) override;

 private:
  ColumnAsker& asker_;
  ColumnQuestion question_;
  const ggml_tensor* answered_ = nullptr;  // the node that sums_ are of
  AttentionSums sums_;
};

}  // namespace sinkscope
