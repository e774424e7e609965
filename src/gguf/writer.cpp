#include "gguf/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "base/half.h"
#include "base/whole_file.h"

namespace sinkscope {
namespace {

// Numbers and texts as GGUF has them, into a file that appears whole or not at all.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : file_(path, fmt::format("model '{}'", path)) {}

  void write(std::span<const std::byte> bytes) { file_.write(bytes); }
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
    std::uint64_t missing = (alignment - file_.position() % alignment) % alignment;
    for (; missing > 0; missing -= std::min<std::uint64_t>(missing, sizeof kZeros)) {
      write(std::span(kZeros).first(std::min<std::uint64_t>(missing, sizeof kZeros)));
    }
  }
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
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
  std::vector<std::uint16_t> halves(tensor.values.size());
  std::ranges::transform(tensor.values, halves.begin(), half_from_float);
  const auto half_bytes = std::as_bytes(std::span(halves));
  return {half_bytes.begin(), half_bytes.end()};
}

struct OutputTensor {
  const std::string* name;
  const std::vector<std::int64_t>* shape;
  std::uint32_t type;
  std::span<const std::byte> bytes;
};

void write_file(std::uint32_t version, std::uint64_t alignment, const GgufMetadata& metadata,
                std::span<const OutputTensor> tensors, const std::string& path) {
  OutputFile file(path);
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
