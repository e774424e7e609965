#include "gguf/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <ggml.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "base/error.h"

namespace sinkscope {
namespace {

// A file that gets its name only once it is whole.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path) : path_(path), temporary_(fmt::format("{}.{}.part", path, ::getpid())) {
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_ < 0) fail();
  }
  ~AtomicFile() {
    if (file_ >= 0) ::close(file_);
    if (!committed_) ::unlink(temporary_.c_str());
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  std::uint64_t position() const { return position_; }
  void write(std::span<const std::byte> bytes) {
    position_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  template <typename T>
  void write_value(T value) {
    write(std::as_bytes(std::span(&value, 1)));
  }
  void write_text(std::string_view text) {
    write_value<std::uint64_t>(text.size());
    write(std::as_bytes(std::span(text)));
  }
  void pad_to(std::uint64_t alignment) {
    static constexpr std::byte kZeros[64] = {};
    std::uint64_t missing = (alignment - position_ % alignment) % alignment;
    for (; missing > 0; missing -= std::min<std::uint64_t>(missing, sizeof kZeros)) {
      write(std::span(kZeros).first(std::min<std::uint64_t>(missing, sizeof kZeros)));
    }
  }
  void commit() {
    // Some file systems tell of a full disk only here.
    if (::fsync(file_) != 0 && errno != EINVAL) fail();
    const int closed = ::close(file_);
    file_ = -1;
    if (closed != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    committed_ = true;
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::kOutput,
                fmt::format("model '{}': expected to write it; got: {}; check the folder, its permissions and the free "
                            "space",
                            path_, std::strerror(errno)));
  }

  std::string path_, temporary_;
  int file_ = -1;
  std::uint64_t position_ = 0;
  bool committed_ = false;
};

std::vector<std::byte> encode(const NewGgufTensor& tensor) {
  std::int64_t n_elements = 1;
  for (const std::int64_t size : tensor.shape) n_elements *= size;
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kInternal, fmt::format("tensor '{}' to be written: {}", tensor.name, what));
  };
  if (n_elements != static_cast<std::int64_t>(tensor.values.size())) {
    refuse(fmt::format("expected {} numbers; got {}", n_elements, tensor.values.size()));
  }
  const auto bytes = std::as_bytes(std::span(tensor.values));
  if (tensor.type == kGgufF32) return {bytes.begin(), bytes.end()};
  if (tensor.type != kGgufF16) refuse("expected F32 or F16");
  constexpr float kLargestHalf = 65504.0F;
  for (const float value : tensor.values) {
    if (!(std::abs(value) <= kLargestHalf)) refuse(fmt::format("{} does not fit F16; write F32", value));
  }
  std::vector<std::byte> halves(tensor.values.size() * sizeof(ggml_fp16_t));
  ggml_fp32_to_fp16_row(tensor.values.data(), reinterpret_cast<ggml_fp16_t*>(halves.data()), n_elements);
  return halves;
}

struct OutputTensor {
  const std::string* name;
  const std::vector<std::int64_t>* shape;
  std::uint32_t type;
  std::span<const std::byte> bytes;
};

void write_file(std::uint32_t version, std::uint64_t alignment, const GgufMetadata& metadata,
                std::span<const OutputTensor> tensors, const std::string& path) {
  AtomicFile file(path);
  file.write(std::as_bytes(std::span("GGUF", 4)));
  file.write_value<std::uint32_t>(version);
  file.write_value<std::uint64_t>(tensors.size());
  file.write_value<std::uint64_t>(metadata.entries().size());
  for (const auto& entry : metadata.entries()) {
    file.write_text(entry.key);
    file.write_value(static_cast<std::uint32_t>(entry.type));
    file.write(entry.payload);
  }
  std::uint64_t offset = 0;
  for (const OutputTensor& tensor : tensors) {
    file.write_text(*tensor.name);
    file.write_value(static_cast<std::uint32_t>(tensor.shape->size()));
    for (auto size = tensor.shape->rbegin(); size != tensor.shape->rend(); ++size) file.write_value(*size);
    file.write_value(tensor.type);
    file.write_value(offset);
    offset += (tensor.bytes.size() + alignment - 1) / alignment * alignment;
  }
  for (const OutputTensor& tensor : tensors) {
    file.pad_to(alignment);
    file.write(tensor.bytes);
  }
  file.pad_to(alignment);
  file.commit();
}

}  // namespace

void write_gguf_copy(const GgufFile& source, std::span<const NewGgufTensor> replaced, const std::string& path) {
  std::unordered_map<std::string_view, std::vector<std::byte>> encoded;
  std::unordered_map<std::string_view, std::uint32_t> types;
  for (const NewGgufTensor& tensor : replaced) {
    const GgufTensor* original = source.find(tensor.name);
    if (original == nullptr || original->shape != tensor.shape) {
      throw Error(ErrorCode::kInternal,
                  fmt::format("tensor '{}' to be replaced: expected the source's name and shape", tensor.name));
    }
    encoded[original->name] = encode(tensor);
    types[original->name] = tensor.type;
  }
  std::vector<OutputTensor> tensors;
  for (const GgufTensor& tensor : source.tensors()) {
    OutputTensor output{&tensor.name, &tensor.shape, tensor.type, source.bytes(tensor)};
    if (const auto at = encoded.find(tensor.name); at != encoded.end()) {
      output.type = types[tensor.name];
      output.bytes = at->second;
    }
    tensors.push_back(output);
  }
  write_file(source.version(), source.alignment(), source.metadata(), tensors, path);
}

void write_gguf(const GgufMetadata& metadata, std::span<const NewGgufTensor> tensors, const std::string& path) {
  std::vector<std::vector<std::byte>> encoded;
  encoded.reserve(tensors.size());
  std::vector<OutputTensor> outputs;
  for (const NewGgufTensor& tensor : tensors) {
    encoded.push_back(encode(tensor));
    outputs.push_back({&tensor.name, &tensor.shape, tensor.type, encoded.back()});
  }
  const std::uint64_t alignment = static_cast<std::uint64_t>(metadata.integer("general.alignment").value_or(32));
  write_file(3, alignment, metadata, outputs, path);
}

}  // namespace sinkscope
