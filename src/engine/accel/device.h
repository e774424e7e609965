#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <span>

#include "engine/accel/precision.h"
#include "engine/attention/attention_mask.h"
#include "engine/attention/column_sums.h"

struct ggml_tensor;

namespace sinkscope {

// Puts the device before llama.cpp's CPU, once in a process, and sets the precision of models loaded from now on.
//
// A ggml device of type ACCEL over ordinary host memory. It takes every operation that the CPU can do, so that a
// network stays one piece: products of weights and attention it computes itself, the rest it hands to the CPU.
//
// throws  Error{kUsage} as resolve_precision does
ResolvedPrecision use_accel_device(Precision requested);

// Where the time of the device went. Counts from the start of the process; subtract two readings.
struct AccelTimes {
  double unpacking_ms = 0;  // weights to the numbers that are multiplied
  double products_ms = 0;
  double attention_ms = 0;
  double rest_ms = 0;  // operations handed to the CPU
  double product_flop = 0;
  double attention_flop = 0;  // of visible tiles, both products
};
AccelTimes accel_times();

// Asks the device for column sums as it computes attention.
class AccelAttentionListener {
 public:
  struct Question {
    const AttentionMask* mask = nullptr;    // of this node's mask; must live until after_attention
    std::span<const std::int32_t> watched;  // keys, ascending, without repeats; likewise
  };

  virtual ~AccelAttentionListener() = default;
  // Before an attention node is computed, when its inputs are. Without a question there are no sums.
  virtual std::optional<Question> before_attention(const ggml_tensor& node) = 0;
  // Once it is computed, if there was a question. The sums are valid during the call only.
  virtual void after_attention(const ggml_tensor& node, const AttentionSums& sums) = 0;
};

// What the engine wants of the device during one llama_decode on this thread. Make one, decode, destroy it.
class AccelDecode {
 public:
  // wants_logits  false: the vocabulary product, and what follows from it, is left out; logits are then garbage
  // listener      may be null
  AccelDecode(bool wants_logits, AccelAttentionListener* listener);
  ~AccelDecode();
  AccelDecode(const AccelDecode&) = delete;
  AccelDecode& operator=(const AccelDecode&) = delete;

  // Throws what a listener threw inside llama_decode, which then returned an error.
  void rethrow() const;

  struct State;
  State& state() { return *state_; }

 private:
  State* state_;
};

}  // namespace sinkscope
