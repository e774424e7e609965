#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"

namespace sinkscope {

// Types that this room writes; files may hold any other of ggml's.
inline constexpr std::uint32_t kGgufF32 = 0;
inline constexpr std::uint32_t kGgufF16 = 1;

// One tensor of a GGUF file.
struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // outermost first: a matrix is [rows, cols]; the file has it the other way round
  std::uint32_t type = kGgufF32;    // ggml's number
  std::uint64_t offset = 0;         // in the data section
  std::uint64_t n_bytes = 0;

  std::int64_t n_elements() const;
  std::int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  std::int64_t rows() const { return cols() == 0 ? 0 : n_elements() / cols(); }
};

std::string_view gguf_type_name(std::uint32_t type);

// A GGUF file, opened for reading. Nothing in the file is trusted: every count, length and offset is checked
// against what the file really holds before it is used.
class GgufFile {
 public:
  // throws  Error{kModel} if the file cannot be opened, is no GGUF file of version 2 or 3, or is broken
  // cost    maps the file and copies its metadata; tensors are not read
  explicit GgufFile(const std::string& path);
  ~GgufFile();
  GgufFile(GgufFile&&) noexcept;
  GgufFile& operator=(GgufFile&&) noexcept;

  const std::string& path() const { return path_; }
  std::uint32_t version() const { return version_; }
  std::uint64_t alignment() const { return alignment_; }
  const GgufMetadata& metadata() const { return metadata_; }
  // Changes what this object says; the file stays as it is.
  GgufMetadata& metadata() { return metadata_; }
  std::span<const GgufTensor> tensors() const { return tensors_; }
  const GgufTensor* find(std::string_view tensor_name) const;

  // The tensor's bytes as they lie in the file; valid while this object lives.
  std::span<const std::byte> bytes(const GgufTensor& tensor) const;
  // The tensor's numbers, dequantised.
  //
  // returns  [n_elements] float32, the last axis fastest
  // throws   Error{kModel} if ggml cannot turn the type into floats
  std::vector<float> to_floats(const GgufTensor& tensor) const;

 private:
  class Mapping;
  std::string path_;
  std::unique_ptr<Mapping> mapping_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 0;
  std::uint64_t data_start_ = 0;
  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace sinkscope
