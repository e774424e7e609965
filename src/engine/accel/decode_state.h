#pragma once

#include <deque>
#include <exception>
#include <vector>

#include "engine/accel/attention_rows.h"
#include "engine/accel/device.h"

struct ggml_tensor;

namespace sinkscope {

// What is known during one llama_decode. Masks are inputs of its graph, so what was read of one stays true.
struct AccelDecode::State {
  struct RowsOfMask {
    const void* mask;  // the reader, or the tensor
    bool far_known;
    std::vector<accel::AttentionRow> rows;
  };

  bool wants_logits = true;
  AccelAttentionListener* listener = nullptr;
  State* outer = nullptr;
  std::exception_ptr failure;
  std::deque<RowsOfMask> rows;
  std::vector<const ggml_tensor*> left_out;  // the vocabulary product, and what follows from it
};

namespace accel {
// That of this thread, or null.
AccelDecode::State* current_decode();
}  // namespace accel

}  // namespace sinkscope
