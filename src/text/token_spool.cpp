#include "text/token_spool.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

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
    if (n > bytes_.size() - at_) throw Error(ErrorCode::kOutput, "the temporary file of tokens is damaged");
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

}  // namespace

void TokenSpool::append(const Sequence& sequence) {
  std::string bytes;
  put_string(bytes, sequence.place.file);
  put(bytes, sequence.place.line);
  put_string(bytes, sequence.place.id);
  const int n_tokens = static_cast<int>(sequence.tokens.size());
  for (const int n : {sequence.prompt_tokens, sequence.bos_tokens, sequence.chunk_index, sequence.n_chunks,
                      sequence.document_offset, n_tokens}) {
    put(bytes, static_cast<std::int32_t>(n));
  }
  bytes.append(reinterpret_cast<const char*>(sequence.tokens.data()), sequence.tokens.size() * sizeof(TokenId));
  entries_.push_back({spool_->size(), bytes.size(), n_tokens});
  total_tokens_ += n_tokens;
  longest_ = std::max(longest_, n_tokens);
  spool_->append(bytes);
}

Sequence TokenSpool::read(std::size_t i) const {
  const Entry& entry = entries_.at(i);
  std::string bytes;
  spool_->read(entry.offset, entry.n_bytes, [&](std::string_view piece) { bytes += piece; });
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
