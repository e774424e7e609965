#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/accel/onednn.h"
#include "engine/accel/unpack_kernels.h"

namespace sinkscope::accel {

// A buffer that only grows: n elements of it, their values left over from before.
template <typename T>
T* room(std::vector<T>& buffer, std::size_t n) {
  if (buffer.size() < n) buffer.resize(n);
  return buffer.data();
}

// Reads rows of a tensor's numbers as float32, whatever their ggml type.
//
// Before the first is made ggml_cpu_init() fills its tables, as every CPU backend does when it is made.
class RowReader {
 public:
  explicit RowReader(int ggml_type);

  // Numbers [first, first + count) of a row.
  //
  // first  a multiple of the type's block, as every multiple of 256 is
  void read(const char* row, int first, int count, float* to) const { convert_(row + bytes_of(first), to, count); }
  // Asks the processor to fetch these numbers, which will be read soon: rows of a strip lie too far apart for it to
  // guess.
  void prefetch(const char* row, int first, int count) const {
    const char *from = row + bytes_of(first), *end = from + bytes_of(count);
    for (; from < end; from += kCacheLine) __builtin_prefetch(from);
  }

 private:
  static constexpr std::ptrdiff_t kCacheLine = 64;

  std::ptrdiff_t bytes_of(int count) const { return std::ptrdiff_t{count} / block_numbers_ * block_bytes_; }

  UnpackKernel convert_;
  std::ptrdiff_t block_numbers_, block_bytes_;
};

// The other way: float32 numbers as a left factor of a product has them, rounded to bf16 or as they are.
void from_float32(const float* from, std::int64_t count, Number number, void* to);

}  // namespace sinkscope::accel
