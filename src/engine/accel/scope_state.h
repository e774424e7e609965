#pragma once

#include <deque>
#include <exception>
#include <vector>

#include "engine/accel/attention_rows.h"
#include "engine/accel/device.h"

namespace sinkscope {

// Masks are inputs of a graph, so what was read of one stays true during a llama_decode.
struct AccelScope::State {
  struct RowsOfMask {
    const void* mask;  // the reader, or the tensor
    bool far_known;
    std::vector<accel::AttentionRow> rows;
  };

  ResolvedPrecision precision;
  AccelAttentionListener* listener = nullptr;
  State* outer = nullptr;
  std::exception_ptr failure;
  std::deque<RowsOfMask> rows;
};

}  // namespace sinkscope
