#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

namespace sinkscope {

// A file as a message names it: its path in quotes, or "standard input" for "-".
std::string source_name(const std::string& path);

// The bytes of a file, or of standard input for "-", one after another. What gzip packed comes unpacked; the file's
// first bytes tell, whatever it is called.
class ByteSource {
 public:
  // throws  Error{kInput} if the file is missing, a directory or not readable, or of a kind that holds no text as it is
  //         (Parquet, Zstandard, ...): says which command makes one of it
  explicit ByteSource(const std::string& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // returns  how many bytes were put into the buffer; 0 at the end
  // throws   Error{kInput} if reading fails, or what gzip packed is damaged or cut off
  std::size_t read(std::span<char> into);

 private:
  class Unpacker;
  struct CloseFile {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };

  std::size_t read_packed(std::span<char> into);

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string head_;  // read to see what it is, and not handed out yet
  std::unique_ptr<Unpacker> unpacker_;
};

}  // namespace sinkscope
