#include "engine/gpu/queue.h"

#include <algorithm>
#include <new>
#include <string>

#include "base/error.h"

namespace sinkscope::gpu {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
constexpr std::size_t kAlignment = 128;

// Host memory that the device copies to and from without a detour.
ggml_backend_buffer_type_t staging_type(ggml_backend_t backend) {
  const ggml_backend_buffer_type_t type = ggml_backend_dev_host_buffer_type(ggml_backend_get_device(backend));
  return type ? type : ggml_backend_cpu_buffer_type();
}

}  // namespace

DeviceTraffic& device_traffic() {
  thread_local DeviceTraffic traffic;
  return traffic;
}

void* Arena::take(std::size_t n_bytes) {
  n_bytes = (n_bytes + kAlignment - 1) / kAlignment * kAlignment;
  while (current_ < blocks_.size() &&
         blocks_[current_].used + n_bytes > ggml_backend_buffer_get_size(blocks_[current_].buffer.get())) {
    ++current_;
  }
  if (current_ == blocks_.size()) {
    Buffer buffer(ggml_backend_buft_alloc_buffer(type_, std::max(n_bytes, kBlockBytes)));
    if (!buffer) throw std::bad_alloc();
    blocks_.push_back({std::move(buffer), 0});
  }
  Block& block = blocks_[current_];
  void* memory = static_cast<char*>(ggml_backend_buffer_get_base(block.buffer.get())) + block.used;
  block.used += n_bytes;
  return memory;
}

void Arena::reset() {
  for (Block& block : blocks_) block.used = 0;
  current_ = 0;
}

Queue::Queue(ggml_backend_t backend)
    : backend_(backend),
      event_(ggml_backend_event_new(ggml_backend_get_device(backend))),
      arenas_{Arena(staging_type(backend)), Arena(staging_type(backend))},
      kept_(staging_type(backend)) {}

Queue::~Queue() {
  ggml_backend_synchronize(backend_);
  local.reset();
  ggml_backend_event_free(event_);
}

void Queue::turn() {
  turn_ = 1 - turn_;
  arenas_[turn_].reset();
}

void Queue::mark() {
  if (event_) ggml_backend_event_record(event_, backend_);
}

void Queue::wait() {
  ++device_traffic().waits;
  if (event_) {
    ggml_backend_event_synchronize(event_);
  } else {
    ggml_backend_synchronize(backend_);
  }
}

ggml_backend_buffer_t Queue::scratch(std::size_t n_bytes) {
  if (!scratch_ || ggml_backend_buffer_get_size(scratch_.get()) < n_bytes) {
    ggml_backend_synchronize(backend_);  // what was handed over still uses the one before
    scratch_.reset();
    scratch_ = allocate(n_bytes, "measuring");
  }
  return scratch_.get();
}

std::span<std::uint8_t> Queue::description(std::size_t n_bytes) {
  if (description_.size() < n_bytes) description_.resize(n_bytes);
  return description_;
}

Buffer Queue::allocate(std::size_t n_bytes, const char* what) const {
  Buffer buffer(ggml_backend_buft_alloc_buffer(ggml_backend_get_default_buffer_type(backend_), n_bytes));
  if (buffer) return buffer;
  throw Error(ErrorCode::kModel, std::string(ggml_backend_name(backend_)) + ": expected " +
                                     std::to_string(n_bytes >> 20) + " MiB of device memory for " + what +
                                     ", got none; try a smaller -ub, or fewer layers by -ngl");
}

}  // namespace sinkscope::gpu
