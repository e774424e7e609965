#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "text/byte_source.h"

namespace sinkscope {

// All bytes of a file.
//
// throws  Error{kInput} as ByteSource, or if the file has more than max_bytes
std::string read_all(const std::string& path, std::size_t max_bytes);

// The records of a corpus: the lines of a file, or the elements of the JSON array that it is. Nothing of the file is
// trusted: a record longer than the limit is passed over, never held in memory.
class LineReader {
 public:
  enum class Result { kLine, kTooLong, kEnd };

  // throws  Error{kInput} as ByteSource
  LineReader(const std::string& path, std::size_t max_line_bytes);

  // line     the bytes without the line's end, or without the commas between elements; only after kLine
  // throws   Error{kInput} if reading fails
  Result next(std::string& line);
  // Number of the line or element that next() returned, from 1.
  std::int64_t line_number() const { return line_number_; }
  // Whether the file is a JSON array. A file is one if its first character, blanks aside, is a bracket and the next
  // one a brace.
  bool is_array() const { return is_array_; }

 private:
  bool fill();
  int peek();  // the next byte; negative at the end
  Result next_element(std::string& element);
  void look_for_array();

  ByteSource bytes_;
  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::int64_t line_number_ = 0;
  bool is_array_ = false;
};

}  // namespace sinkscope
