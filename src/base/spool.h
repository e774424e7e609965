#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <streambuf>
#include <string>
#include <string_view>

namespace sinkscope {

// Bytes that wait for their turn: in memory while they are few, then in a temporary file that has no name. It is also a
// buffer for std::ostream(&spool).
class Spool : public std::streambuf {
 public:
  static constexpr std::size_t kMemoryBytes = std::size_t{32} << 20;

  explicit Spool(std::size_t memory_bytes = kMemoryBytes) : memory_bytes_(memory_bytes) {}

  // throws  Error{kOutput} if the temporary file cannot be written
  void append(std::string_view text);
  std::uint64_t size() const { return file_bytes_ + tail_.size(); }
  // Hands out the bytes [first, first + n) in order, a piece at a time.
  //
  // throws  Error{kOutput} if the temporary file does not hold what was written
  void read(std::uint64_t first, std::uint64_t n, const std::function<void(std::string_view)>& take) const;

 protected:
  std::streamsize xsputn(const char* text, std::streamsize n) override;
  int overflow(int c) override;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::size_t memory_bytes_;
  std::string tail_;  // bytes not in the file yet
  std::uint64_t file_bytes_ = 0;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace sinkscope
