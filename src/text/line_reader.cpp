#include "text/line_reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

std::string shown(const std::string& path) { return path == "-" ? "standard input" : "'" + path + "'"; }

[[noreturn]] void throw_unreadable(const std::string& path) {
  throw Error(ErrorCode::kInput, fmt::format("cannot read {}: {}", shown(path), std::strerror(errno)));
}

}  // namespace

InputFile open_input(const std::string& path) {
  if (path == "-") return InputFile(stdin);
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) throw_unreadable(path);
  if (S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kInput, fmt::format("cannot read '{}': expected a file, got a directory", path));
  }
  InputFile file(std::fopen(path.c_str(), "rb"));
  if (!file) throw_unreadable(path);
  return file;
}

std::string read_all(const std::string& path, std::size_t max_bytes) {
  const InputFile file = open_input(path);
  std::string bytes;
  char buffer[kBufferBytes];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, file.get())) {
    if (bytes.size() + n > max_bytes) {
      throw Error(ErrorCode::kInput, fmt::format("{} is too large for one document: expected at most {} MiB; split it, "
                                                 "or give it as JSONL, one document a line",
                                                 shown(path), max_bytes >> 20));
    }
    bytes.append(buffer, n);
  }
  if (std::ferror(file.get())) throw_unreadable(path);
  return bytes;
}

LineReader::LineReader(const std::string& path, std::size_t max_line_bytes)
    : path_(path), file_(open_input(path)), max_line_bytes_(max_line_bytes) {}

bool LineReader::fill() {
  buffer_.resize(kBufferBytes);
  const std::size_t n = std::fread(buffer_.data(), 1, kBufferBytes, file_.get());
  if (n == 0 && std::ferror(file_.get())) throw_unreadable(path_);
  buffer_.resize(n);
  at_ = 0;
  return n > 0;
}

LineReader::Result LineReader::next(std::string& line) {
  line.clear();
  bool any = false, too_long = false;
  for (;;) {
    if (at_ == buffer_.size() && !fill()) break;
    any = true;
    const std::size_t end = buffer_.find('\n', at_);
    const std::size_t stop = end == std::string::npos ? buffer_.size() : end;
    if (too_long || line.size() + (stop - at_) > max_line_bytes_) {
      too_long = true;
      line.clear();
    } else {
      line.append(buffer_, at_, stop - at_);
    }
    at_ = end == std::string::npos ? stop : stop + 1;
    if (end != std::string::npos) break;
  }
  if (!any) return Result::kEnd;
  ++line_number_;
  return too_long ? Result::kTooLong : Result::kLine;
}

}  // namespace sinkscope
