#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace sinkscope {

// Uninitialised memory, aligned to a cache line, that only ever grows.
template <typename T>
class Scratch {
 public:
  // returns  room for n elements; what was there before is lost when it had to grow
  T* at_least(std::size_t n) {
    if (n > size_) {
      data_.reset();
      size_ = 0;
      data_.reset(static_cast<T*>(::operator new(n * sizeof(T), kAlignment)));
      size_ = n;
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace sinkscope
