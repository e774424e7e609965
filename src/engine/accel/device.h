#pragma once

#include <memory>
#include <optional>

#include "engine/accel/precision.h"
#include "engine/attention/summer.h"

struct ggml_tensor;

namespace sinkscope {

// Puts the device before llama.cpp's CPU; once in a process is enough. It takes part where an AccelScope says so.
//
// A ggml device of type ACCEL over ordinary host memory. It takes every operation that the CPU can do, so that a
// network stays one piece: products of weights and attention it computes itself, the rest it hands to the CPU.
void register_accel_device();

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
  using Question = ColumnQuestion;

  virtual ~AccelAttentionListener() = default;
  // Before an attention node is computed, when its inputs are. Without a question there are no sums.
  virtual std::optional<Question> before_attention(const ggml_tensor& node) = 0;
  // Once it is computed, if there was a question that the device can answer: one stream of sequences, whose keys lie
  // in the order of their positions. The sums are valid until the next attention node is computed.
  virtual void after_attention(const ggml_tensor& node, const AttentionSums& sums) = 0;
};

// The device on this thread, for as long as this lives: make one around the making of a context, its graphs, and
// each llama_decode. Within one llama_decode masks are read once; one that was changed meanwhile comes in a question.
class AccelScope {
 public:
  // listener  may be null
  explicit AccelScope(const ResolvedPrecision& precision, AccelAttentionListener* listener = nullptr);
  ~AccelScope();
  AccelScope(const AccelScope&) = delete;
  AccelScope& operator=(const AccelScope&) = delete;

  // Throws what went wrong inside llama_decode, which then returned an error.
  void rethrow() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace sinkscope
