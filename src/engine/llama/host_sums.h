#pragma once

#include <cstdint>
#include <vector>

#include "engine/attention/summer.h"

namespace sinkscope {

// Column sums made on the processor from the inputs of an attention node, which are copied to the host where they lie
// elsewhere. Takes every FLASH_ATTN_EXT node.
class HostSums final : public ColumnSummer {
 public:
  explicit HostSums(int n_threads) : n_threads_(n_threads) {}
  bool takes(const ggml_tensor& node) const override;
  AttentionSums sum(const ggml_tensor& node, const ColumnQuestion& question) override;

 private:
  int n_threads_;
  ColumnSums column_sums_;
  std::vector<std::uint8_t> query_bytes_, key_bytes_, sink_bytes_;
};

}  // namespace sinkscope
