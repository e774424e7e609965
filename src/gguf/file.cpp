#include "gguf/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <ggml.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "gguf/file_kind.h"

namespace sinkscope {

// Real files have less than a tenth of these. Readers look for keys and tensors one by one, llama.cpp's too: with many
// more they would not come to an end.
constexpr std::uint64_t kMostKeys = 4096;
constexpr std::uint64_t kMostTensors = 16384;
constexpr std::uint64_t kMostKeyBytes = 1024;
constexpr std::uint64_t kMostTextBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostElementBytes = std::uint64_t{64} << 10;  // of a text in an array: a token, a merge

class GgufFile::Mapping {
 public:
  explicit Mapping(const std::string& path) {
    if (const auto other = what_is_no_file(path)) refuse_other_file(path, *other);
    // A pipe that takes the file's place meanwhile would block here.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) fail(path, std::strerror(errno), "check the path and its permissions");
    struct stat status{};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
      ::close(file);
      fail(path, "no regular file, or an empty one", "give the path of a .gguf file");
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    const int error = errno;
    ::close(file);
    if (data == MAP_FAILED) fail(path, std::strerror(error), "free some address space");
    bytes_ = {static_cast<const std::byte*>(data), size};
  }
  ~Mapping() { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  [[noreturn]] static void fail(const std::string& path, std::string_view got, std::string_view advice) {
    throw Error(ErrorCode::kModel,
                fmt::format("model '{}': expected a readable GGUF file; got: {}; {}", path, got, advice));
  }

  std::span<const std::byte> bytes_;
};

namespace {

// Reads the file's head front to back; every step is checked against the end of the file.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  const std::string& path() const { return path_; }
  std::uint64_t position() const { return at_; }
  std::uint64_t remaining() const { return bytes_.size() - at_; }

  template <typename T>
  T take(const char* what) {
    T value;
    std::memcpy(&value, take_bytes(sizeof value, what).data(), sizeof value);
    return value;
  }
  std::span<const std::byte> take_bytes(std::uint64_t count, const char* what) {
    if (count > remaining()) {
      fail(fmt::format("{} of {} bytes at offset {}, but the file ends at {}", what, count, at_, bytes_.size()));
    }
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }
  std::span<const std::byte> take_text_bytes(const char* what, std::uint64_t most) {
    const auto length = take<std::uint64_t>(what);
    if (length > most) fail(fmt::format("{} of {} bytes at offset {}, more than {}", what, length, at_, most));
    return take_bytes(length, what);
  }
  std::string take_text(const char* what, std::uint64_t most) {
    const auto bytes = take_text_bytes(what, most);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // A number of things that take at least min_bytes each; more than the file can hold is refused, and more than `most`.
  std::uint64_t take_count(const char* what, std::uint64_t min_bytes,
                           std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
    const auto count = take<std::uint64_t>(what);
    if (count > remaining() / min_bytes) fail(fmt::format("{} of {}, more than the file can hold", what, count));
    if (count > most) fail(fmt::format("{} of {}, more than {}", what, count, most));
    return count;
  }
  [[noreturn]] void fail(const std::string& got) const {
    throw Error(ErrorCode::kModel, fmt::format("model '{}': expected a whole GGUF file; got: {}; the file is broken or "
                                               "incomplete, fetch it again",
                                               path_, got));
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& path_;
  std::uint64_t at_ = 0;
};

void skip_value(Cursor& cursor, GgufType type, const std::string& key, std::uint64_t most_text) {
  if (type == GgufType::kString) {
    cursor.take_text_bytes("a text", most_text);
  } else if (const std::size_t bytes = scalar_bytes(type)) {
    cursor.take_bytes(bytes, "a value");
  } else {
    cursor.fail(fmt::format("key '{}' of unknown type {}", key, static_cast<std::uint32_t>(type)));
  }
}

GgufMetadata read_metadata(Cursor& cursor, std::span<const std::byte> file, std::uint64_t count) {
  GgufMetadata metadata;
  std::unordered_set<std::string> keys;
  for (std::uint64_t i = 0; i < count; ++i) {
    GgufMetadata::Entry entry;
    entry.key = cursor.take_text("a key", kMostKeyBytes);
    if (entry.key.empty() || !keys.insert(entry.key).second) {
      cursor.fail(fmt::format("key '{}', empty or for the second time", entry.key));
    }
    entry.type = static_cast<GgufType>(cursor.take<std::uint32_t>("a value type"));
    const std::uint64_t start = cursor.position();
    if (entry.type == GgufType::kArray) {
      const auto type = static_cast<GgufType>(cursor.take<std::uint32_t>("an element type"));
      const std::size_t bytes = scalar_bytes(type);
      const auto elements = cursor.take_count("an array", bytes > 0 ? bytes : sizeof(std::uint64_t));
      if (bytes > 0) {
        cursor.take_bytes(elements * bytes, "an array");
      } else {
        for (std::uint64_t e = 0; e < elements; ++e) skip_value(cursor, type, entry.key, kMostElementBytes);
        // An empty array of a type that does not exist still must not pass.
        if (elements == 0 && type != GgufType::kString) cursor.fail(fmt::format("key '{}' of unknown type", entry.key));
      }
    } else {
      skip_value(cursor, entry.type, entry.key, kMostTextBytes);
    }
    const auto payload = file.subspan(start, cursor.position() - start);
    entry.payload.assign(payload.begin(), payload.end());
    metadata.set(std::move(entry));
  }
  return metadata;
}

GgufTensor read_tensor(Cursor& cursor) {
  GgufTensor tensor;
  tensor.name = cursor.take_text("a tensor name", kMostKeyBytes);
  if (tensor.name.empty() || tensor.name.size() >= GGML_MAX_NAME) {
    cursor.fail(fmt::format("a tensor name of {} bytes", tensor.name.size()));
  }
  const auto n_dims = cursor.take<std::uint32_t>("a number of dimensions");
  if (n_dims > GGML_MAX_DIMS) cursor.fail(fmt::format("tensor '{}' with {} dimensions", tensor.name, n_dims));
  std::int64_t n_elements = 1;
  for (std::uint32_t d = 0; d < n_dims; ++d) {
    const auto size = cursor.take<std::int64_t>("a dimension");
    if (size <= 0 || size > std::numeric_limits<std::int64_t>::max() / n_elements) {
      cursor.fail(fmt::format("tensor '{}' with a dimension of {}", tensor.name, size));
    }
    n_elements *= size;
    tensor.shape.push_back(size);
  }
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  tensor.type = cursor.take<std::uint32_t>("a tensor type");
  const bool known = tensor.type < GGML_TYPE_COUNT;
  const std::int64_t block = known ? ggml_blck_size(static_cast<ggml_type>(tensor.type)) : 0;
  if (block <= 0) refuse_other_file(cursor.path(), foreign_tensor_type(tensor.type));
  if (tensor.cols() % block != 0) {
    cursor.fail(fmt::format("tensor '{}' of type {} with rows of {}", tensor.name, tensor.type, tensor.cols()));
  }
  const std::uint64_t block_bytes = ggml_type_size(static_cast<ggml_type>(tensor.type));
  const auto n_blocks = static_cast<std::uint64_t>(n_elements / block);
  if (n_blocks > std::numeric_limits<std::uint64_t>::max() / 2 / block_bytes) {
    cursor.fail(fmt::format("tensor '{}' of {} elements", tensor.name, n_elements));
  }
  tensor.n_bytes = n_blocks * block_bytes;
  tensor.offset = cursor.take<std::uint64_t>("a tensor offset");
  return tensor;
}

}  // namespace

std::int64_t GgufTensor::n_elements() const {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return n;
}

std::string_view gguf_type_name(std::uint32_t type) {
  if (type >= GGML_TYPE_COUNT) return "unknown";
  const char* name = ggml_type_name(static_cast<ggml_type>(type));
  return name == nullptr ? "unknown" : name;
}

GgufFile::GgufFile(const std::string& path) : path_(path), mapping_(std::make_unique<Mapping>(path)) {
  const auto file = mapping_->bytes();
  Cursor cursor(file, path_);
  if (file.size() < 4 || std::memcmp(file.data(), "GGUF", 4) != 0) {
    constexpr std::size_t kHeadBytes = 4096;
    refuse_other_file(path_, what_is_no_gguf(file.first(std::min(file.size(), kHeadBytes))));
  }
  cursor.take<std::uint32_t>("the file's mark");
  version_ = cursor.take<std::uint32_t>("the version");
  if (version_ != 2 && version_ != 3) {
    throw Error(
        ErrorCode::kModel,
        fmt::format("model '{}': expected GGUF version 2 or 3 in little-endian order; got {}; convert the model "
                    "again with a current llama.cpp",
                    path_, version_));
  }
  constexpr std::uint64_t kLeastTensor = 8 + 1 + 4 + 4 + 8;  // name, dimensions, type, offset
  constexpr std::uint64_t kLeastPair = 8 + 1 + 4 + 1;        // key, type, value
  const std::uint64_t n_tensors = cursor.take_count("a number of tensors", kLeastTensor, kMostTensors);
  const std::uint64_t n_pairs = cursor.take_count("a number of keys", kLeastPair, kMostKeys);
  metadata_ = read_metadata(cursor, file, n_pairs);

  alignment_ = 32;
  if (const auto* entry = metadata_.find("general.alignment")) {
    const auto value = entry->type == GgufType::kU32 ? metadata_.integer("general.alignment") : std::nullopt;
    constexpr std::int64_t kMostAlignment = 1 << 20;
    if (!value || *value < 1 || *value > kMostAlignment || (*value & (*value - 1)) != 0) {
      cursor.fail("a general.alignment that is no power of two");
    }
    alignment_ = static_cast<std::uint64_t>(*value);
  }

  std::unordered_set<std::string> names;
  tensors_.reserve(n_tensors);
  for (std::uint64_t i = 0; i < n_tensors; ++i) {
    tensors_.push_back(read_tensor(cursor));
    if (!names.insert(tensors_.back().name).second) {
      cursor.fail(fmt::format("tensor '{}' for the second time", tensors_.back().name));
    }
  }
  data_start_ = (cursor.position() + alignment_ - 1) / alignment_ * alignment_;
  for (const GgufTensor& tensor : tensors_) {
    const std::uint64_t room = file.size() > data_start_ ? file.size() - data_start_ : 0;
    if (tensor.offset % alignment_ != 0 || tensor.offset > room || tensor.n_bytes > room - tensor.offset) {
      cursor.fail(fmt::format("tensor '{}' of {} bytes at {} of {} bytes of data", tensor.name, tensor.n_bytes,
                              tensor.offset, room));
    }
  }
}

GgufFile::~GgufFile() = default;
GgufFile::GgufFile(GgufFile&&) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&&) noexcept = default;

const GgufTensor* GgufFile::find(std::string_view tensor_name) const {
  const auto at =
      std::find_if(tensors_.begin(), tensors_.end(), [&](const GgufTensor& t) { return t.name == tensor_name; });
  return at == tensors_.end() ? nullptr : &*at;
}

std::span<const std::byte> GgufFile::bytes(const GgufTensor& tensor) const {
  return mapping_->bytes().subspan(data_start_ + tensor.offset, tensor.n_bytes);
}

std::vector<float> GgufFile::to_floats(const GgufTensor& tensor) const {
  std::vector<float> values(static_cast<std::size_t>(tensor.n_elements()));
  const auto source = bytes(tensor);
  if (tensor.type == kGgufF32) {
    std::memcpy(values.data(), source.data(), source.size());
    return values;
  }
  const ggml_type_traits* traits = ggml_get_type_traits(static_cast<ggml_type>(tensor.type));
  if (traits->to_float == nullptr) {
    throw Error(ErrorCode::kModel,
                fmt::format("tensor '{}': expected a type that ggml can turn into floats; got {}; use a model of "
                            "another quantisation",
                            tensor.name, gguf_type_name(tensor.type)));
  }
  traits->to_float(source.data(), values.data(), tensor.n_elements());
  return values;
}

}  // namespace sinkscope
