#include "text/token_spool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace sinkscope {
namespace {

template <typename T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_string(std::string& bytes, const std::string& text) {
  put(bytes, static_cast<std::int32_t>(text.size()));
  bytes += text;
}

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  void take(void* into, std::size_t n) {
    if (n > bytes_.size() - at_) throw Error(ErrorCode::kInternal, "the temporary file of tokens is damaged");
    std::memcpy(into, bytes_.data() + at_, n);
    at_ += n;
  }
  template <typename T>
  T value() {
    T v{};
    take(&v, sizeof v);
    return v;
  }
  std::string text() {
    std::string t(static_cast<std::size_t>(value<std::int32_t>()), '\0');
    take(t.data(), t.size());
    return t;
  }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;
};

[[noreturn]] void throw_unwritable(const std::string& folder) {
  throw Error(ErrorCode::kOutput,
              fmt::format("cannot write a temporary file in '{}': {}; set TMPDIR to a folder with room", folder,
                          std::strerror(errno)));
}

std::string temporary_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

std::FILE* open_unnamed() {
  const std::string folder = temporary_folder();
  std::string name = folder + "/sinkscope-XXXXXX";
  const int fd = mkstemp(name.data());
  if (fd < 0) throw_unwritable(folder);
  unlink(name.c_str());
  return fdopen(fd, "w+b");
}

}  // namespace

void TokenSpool::append(const Sequence& sequence) {
  const std::size_t start = tail_.size();
  put_string(tail_, sequence.place.file);
  put(tail_, sequence.place.line);
  put_string(tail_, sequence.place.id);
  for (const int n : {sequence.prompt_tokens, sequence.bos_tokens, sequence.chunk_index, sequence.n_chunks,
                      sequence.document_offset, static_cast<int>(sequence.tokens.size())}) {
    put(tail_, static_cast<std::int32_t>(n));
  }
  tail_.append(reinterpret_cast<const char*>(sequence.tokens.data()), sequence.tokens.size() * sizeof(TokenId));
  const int n_tokens = static_cast<int>(sequence.tokens.size());
  entries_.push_back(
      {file_bytes_ + static_cast<std::int64_t>(start), static_cast<std::int32_t>(tail_.size() - start), n_tokens});
  total_tokens_ += n_tokens;
  longest_ = std::max(longest_, n_tokens);
  if (tail_.size() <= memory_bytes_) return;
  if (!file_) file_.reset(open_unnamed());
  if (std::fseek(file_.get(), file_bytes_, SEEK_SET) != 0 ||
      std::fwrite(tail_.data(), 1, tail_.size(), file_.get()) != tail_.size() || std::fflush(file_.get()) != 0) {
    throw_unwritable(temporary_folder());
  }
  file_bytes_ += static_cast<std::int64_t>(tail_.size());
  tail_.clear();
}

Sequence TokenSpool::read(std::size_t i) const {
  const Entry& entry = entries_.at(i);
  std::string bytes(static_cast<std::size_t>(entry.n_bytes), '\0');
  if (entry.offset >= file_bytes_) {
    bytes.assign(tail_, static_cast<std::size_t>(entry.offset - file_bytes_), bytes.size());
  } else if (std::fseek(file_.get(), entry.offset, SEEK_SET) != 0 ||
             std::fread(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
    throw Error(ErrorCode::kInternal, "the temporary file of tokens cannot be read back");
  }
  Reader reader(bytes);
  Sequence sequence;
  sequence.place.file = reader.text();
  sequence.place.line = reader.value<std::int64_t>();
  sequence.place.id = reader.text();
  for (int* n : {&sequence.prompt_tokens, &sequence.bos_tokens, &sequence.chunk_index, &sequence.n_chunks,
                 &sequence.document_offset}) {
    *n = reader.value<std::int32_t>();
  }
  sequence.tokens.resize(static_cast<std::size_t>(reader.value<std::int32_t>()));
  reader.take(sequence.tokens.data(), sequence.tokens.size() * sizeof(TokenId));
  return sequence;
}

}  // namespace sinkscope
