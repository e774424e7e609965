#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace sinkscope {

// A file opened for reading, closed by itself; "-" is standard input, which stays open.
struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
using InputFile = std::unique_ptr<std::FILE, CloseFile>;

// throws  Error{kInput} if the file is missing, a directory or not readable
InputFile open_input(const std::string& path);

// All bytes of a file.
//
// throws  Error{kInput} as open_input, or if the file has more than max_bytes
std::string read_all(const std::string& path, std::size_t max_bytes);

// Lines of a file that nobody vouches for: a line longer than the limit is passed over, never held in memory.
class LineReader {
 public:
  enum class Result { kLine, kTooLong, kEnd };

  LineReader(const std::string& path, std::size_t max_line_bytes);

  // line     the bytes without the line's end; only after kLine
  // throws   Error{kInput} if reading fails
  Result next(std::string& line);
  // Number of the line that next() returned, from 1.
  std::int64_t line_number() const { return line_number_; }

 private:
  bool fill();

  std::string path_;
  InputFile file_;
  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::int64_t line_number_ = 0;
};

}  // namespace sinkscope
