#include "engine/attention/summer.h"

#include <algorithm>

#include "base/error.h"

namespace sinkscope {

void ColumnSummers::begin_micro_batch() {
  for (ColumnSummer* sibling : siblings_) sibling->begin_micro_batch();
}

ColumnSummer* ColumnSummers::sibling_for(const ggml_tensor& node) const {
  const auto found = std::find_if(siblings_.begin(), siblings_.end(),
                                  [&](const ColumnSummer* sibling) { return sibling->takes(node); });
  return found == siblings_.end() ? nullptr : *found;
}

AttentionSums ColumnSummers::sum(const ggml_tensor& node, const ColumnQuestion& question) {
  ColumnSummer* sibling = sibling_for(node);
  if (!sibling) throw Error(ErrorCode::kInternal, "column sums: expected a summer that takes the node, got none");
  return sibling->sum(node, question);
}

}  // namespace sinkscope
