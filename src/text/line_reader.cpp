#include "text/line_reader.h"

#include <fmt/format.h>

#include <string_view>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;
constexpr std::string_view kBlanks = " \t\r\n";

}  // namespace

std::string read_all(const std::string& path, std::size_t max_bytes) {
  ByteSource source(path);
  std::string bytes;
  char buffer[kBufferBytes];
  while (const std::size_t n = source.read(buffer)) {
    if (bytes.size() + n > max_bytes) {
      throw Error(ErrorCode::kInput, fmt::format("{} is too large for one document: expected at most {} MiB; split it, "
                                                 "or give it as JSONL, one document a line",
                                                 source_name(path), max_bytes >> 20));
    }
    bytes.append(buffer, n);
  }
  return bytes;
}

LineReader::LineReader(const std::string& path, std::size_t max_line_bytes)
    : bytes_(path), max_line_bytes_(max_line_bytes) {
  look_for_array();
}

bool LineReader::fill() {
  buffer_.resize(kBufferBytes);
  buffer_.resize(bytes_.read(buffer_));
  at_ = 0;
  return !buffer_.empty();
}

int LineReader::peek() {
  if (at_ == buffer_.size() && !fill()) return -1;
  return static_cast<unsigned char>(buffer_[at_]);
}

void LineReader::look_for_array() {
  if (!fill()) return;
  const std::string_view head = buffer_;
  const std::size_t start = head.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  const std::size_t bracket = head.find_first_not_of(kBlanks, start);
  if (bracket == std::string_view::npos || head[bracket] != '[') return;
  const std::size_t brace = head.find_first_not_of(kBlanks, bracket + 1);
  if (brace == std::string_view::npos || head[brace] != '{') return;
  is_array_ = true;
  at_ = brace;
}

// Takes what lies between two commas of the array: brackets and strings are counted, nothing else is understood.
LineReader::Result LineReader::next_element(std::string& element) {
  element.clear();
  int depth = 0;
  bool in_string = false, escaped = false, too_long = false, any = false;
  for (int c; (c = peek()) >= 0; ++at_) {
    const char byte = static_cast<char>(c);
    if (!any && (kBlanks.find(byte) != std::string_view::npos || byte == ',')) continue;
    if (!in_string && depth == 0 && (byte == ',' || byte == ']')) break;
    any = true;
    if (in_string) {
      in_string = escaped || byte != '"';
      escaped = !escaped && byte == '\\';
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      ++depth;
    } else if (byte == '}' || byte == ']') {
      --depth;
    }
    too_long = too_long || element.size() >= max_line_bytes_;
    if (too_long) {
      element.clear();
    } else {
      element += byte;
    }
  }
  if (!any) return Result::kEnd;
  ++line_number_;
  return too_long ? Result::kTooLong : Result::kLine;
}

LineReader::Result LineReader::next(std::string& line) {
  if (is_array_) return next_element(line);
  line.clear();
  bool any = false, too_long = false;
  while (peek() >= 0) {
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
