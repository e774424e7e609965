#pragma once

#include <ggml.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/gpu/queue.h"

namespace sinkscope::gpu {

// Columns of a float32 product that ggml's CUDA backend takes without rounding them to TF32.
inline constexpr std::int64_t kExactColumns = 3;

// A piece of our own work for a queue: operations of ggml on tensors of the network, on tensors of our own, and on
// numbers that are copied to the device before and from it afterwards.
//
// Intermediate results lie in the queue's scratch memory, each in its own place: nothing is overwritten within a piece.
class Work {
 public:
  // n_tensors  that it may have, at most; one piece of work at a time may be described for a queue
  explicit Work(Queue& queue, std::size_t n_tensors = 256);
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  ggml_context* context() { return context_; }

  // The memory of another graph's tensor, as a leaf of this one.
  ggml_tensor* leaf(const ggml_tensor& tensor);
  // The same as [width, n_rows] numbers; the tensor is contiguous.
  ggml_tensor* rows(const ggml_tensor& tensor, std::int64_t n_rows);
  // Numbers that are copied to the device first; staged, or constant until the queue has passed.
  ggml_tensor* upload(std::span<const float> values, std::int64_t ne0, std::int64_t ne1 = 1);
  ggml_tensor* upload(std::span<const std::int32_t> values, std::int64_t ne0, std::int64_t ne1 = 1);

  // Has the operation computed, after those added before.
  void add(ggml_tensor* operation);
  // Has it computed, and its numbers copied to staged memory.
  void download(ggml_tensor* operation, std::span<float> to);

  // Whether the device can do all that was added.
  bool supported() const;
  // Hands the piece over. Call it once.
  //
  // throws  Error{kModel} if the device lacks the memory, or fails
  void run();

 private:
  ggml_tensor* input(ggml_type type, const void* data, std::int64_t ne0, std::int64_t ne1);
  void allocate();

  Queue& queue_;
  ggml_context* context_;
  ggml_cgraph* graph_;
  std::vector<std::pair<ggml_tensor*, const void*>> uploads_;
  std::vector<std::pair<ggml_tensor*, void*>> downloads_;
};

// A tensor of our own that stays on the device. Waits for the queue when it goes.
class Kept {
 public:
  // A float32 tensor [ne0, ne1, ne2]; its numbers are undefined.
  Kept(Queue& queue, std::int64_t ne0, std::int64_t ne1, std::int64_t ne2, const char* what);
  ~Kept();
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

  const ggml_tensor& tensor() const { return *tensor_; }

 private:
  Queue& queue_;
  ggml_context* context_;
  ggml_tensor* tensor_;
  Buffer buffer_;
};

}  // namespace sinkscope::gpu
