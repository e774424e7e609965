#pragma once

#include <ggml-backend.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/gpu/device_traffic.h"

namespace sinkscope::gpu {

struct BufferFree {
  void operator()(ggml_backend_buffer_t buffer) const { ggml_backend_buffer_free(buffer); }
};
using Buffer = std::unique_ptr<ggml_backend_buffer, BufferFree>;

// Memory of one buffer type that is handed out from front to back, and taken back all at once. Grows by blocks.
class Arena {
 public:
  explicit Arena(ggml_backend_buffer_type_t type) : type_(type) {}
  void* take(std::size_t n_bytes);
  void reset();

 private:
  struct Block {
    Buffer buffer;
    std::size_t used;
  };
  ggml_backend_buffer_type_t type_;
  std::vector<Block> blocks_;
  std::size_t current_ = 0;
};

// What somebody keeps with a queue, and what goes with it.
class QueueLocal {
 public:
  virtual ~QueueLocal() = default;
};

// The one queue of a device on which the network and our own work run, in the order in which they were handed over.
// Nothing here waits but wait(), and growing scratch memory.
//
// Staged host memory is what copies come from and go to. It stays until the second turn() after it was staged: what is
// handed over between two turns may be read until the next one has passed.
class Queue {
 public:
  // backend  of the device; must outlive this
  explicit Queue(ggml_backend_t backend);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  ggml_backend_t backend() const { return backend_; }
  bool supports(const ggml_tensor* operation) const { return ggml_backend_supports_op(backend_, operation); }

  template <typename T>
  std::span<T> stage(std::size_t n) {
    return {static_cast<T*>(arenas_[turn_].take(n * sizeof(T))), n};
  }
  template <typename T>
  std::span<const T> stage_copy(std::span<const T> values) {
    const std::span<T> staged = stage<T>(values.size());
    std::copy(values.begin(), values.end(), staged.begin());
    return staged;
  }
  void turn();
  // Host memory of the same kind that stays until release_kept().
  std::span<std::uint8_t> stage_kept(std::size_t n_bytes) {
    return {static_cast<std::uint8_t*>(kept_.take(n_bytes)), n_bytes};
  }
  void release_kept() { kept_.reset(); }

  // Notes how far the queue reaches now; wait() returns when all of that is done.
  void mark();
  void wait();

  // Device memory for the work that is handed over next; what was there before may be overwritten in its turn.
  //
  // throws  Error{kModel} if the device has no such memory left
  ggml_backend_buffer_t scratch(std::size_t n_bytes);
  // Device memory that is kept.
  //
  // throws  as scratch
  Buffer allocate(std::size_t n_bytes, const char* what) const;
  // Host memory for the description of one piece of work at a time.
  std::span<std::uint8_t> description(std::size_t n_bytes);

  std::unique_ptr<QueueLocal> local;  // goes before the queue does

 private:
  ggml_backend_t backend_;
  ggml_backend_event_t event_ = nullptr;  // null: the device has none, and wait() waits for all
  Arena arenas_[2], kept_;
  std::size_t turn_ = 0;
  Buffer scratch_;
  std::vector<std::uint8_t> description_;
};

}  // namespace sinkscope::gpu
