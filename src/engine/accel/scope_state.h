#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <vector>

#include "engine/accel/attention_rows.h"
#include "engine/accel/device.h"

namespace sinkscope {

// Masks are inputs of a graph, so what was read of one stays true during a llama_decode, but for edits, which put the
// mask back after each node and hand in the edited one by a question.
struct AccelScope::State {
  struct RowsOfMask {
    std::uint64_t version;  // of the reader; 0: read from the tensor
    const void* tensor;
    bool far_known;
    std::vector<AttentionRow> rows;
  };

  ResolvedPrecision precision;
  AccelAttentionListener* listener = nullptr;
  State* outer = nullptr;
  std::exception_ptr failure;
  std::deque<RowsOfMask> rows;
};

}  // namespace sinkscope
