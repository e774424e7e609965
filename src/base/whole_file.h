#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>

namespace sinkscope {

// Files that are read or written as a whole.

// What was read of a file.
struct FileBytes {
  std::string bytes;
  std::string problem;  // why not all could be read, in the system's words; empty: nothing is missing
};

// Bytes of a whole file. It does not throw: only the caller knows what to try instead.
//
// max_bytes  a longer file is a problem, and is not read to its end
// cost       one allocation of the file's size
FileBytes read_whole_file(const std::string& path, std::size_t max_bytes);

// The name that a file has until it is whole: in the folder of the file that it will be, so that it can be renamed, and
// different in every call and process. It ends with ".part".
std::string temporary_name(const std::string& path);

// The file that a path leads to, through links, whether there is one yet or not.
//
// throws  Error{kOutput} for links that go round
std::string followed(const std::string& path);

// Whether there is something at the path, through links, that is no regular file: a pipe, a device, a folder.
bool is_no_regular_file(const std::string& path);

// A file that takes its name only when it is whole. It is written beside its place under another name, and vanishes
// unless it was committed; an earlier file of its name stays as it was until then. A link stays what it is: the file
// that it leads to is written.
class AtomicFile {
 public:
  // called  what messages call the file: "model 'x.gguf'"
  // throws  Error{kOutput} if there can be no file, or at the path is none that can be replaced, but a pipe or a device
  AtomicFile(std::string path, std::string called);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  int descriptor() const { return descriptor_; }
  // Bytes that write() wrote so far.
  std::uint64_t position() const { return position_; }
  // throws  Error{kOutput}
  void write(std::span<const std::byte> bytes);
  // Puts the file on disk and in its place. Call it once, last.
  //
  // throws  Error{kOutput}; then there is no new file
  void commit();

 private:
  std::string path_, called_, temporary_;
  int descriptor_ = -1;
  std::uint64_t position_ = 0;
  bool committed_ = false;
};

// Lets `write` fill a stream onto a descriptor. Unlike std::ofstream it knows why writing failed.
//
// called  what messages call the target
// throws  Error{kOutput} if it cannot be written; whatever `write` threw
void write_stream(int descriptor, const std::string& called, const std::function<void(std::ostream&)>& write);

// Writes a file as a whole, or leaves what was there: an AtomicFile that `write` fills. A pipe or a device is written as
// it is.
//
// called  what messages call the file
// throws  as write_stream
void write_whole_file(const std::string& path, const std::string& called,
                      const std::function<void(std::ostream&)>& write);

// throws  Error{kOutput} "CALLED: cannot be written; REASON; check ..."
// reason  errno's number
[[noreturn]] void throw_unwritable(const std::string& called, int reason);

}  // namespace sinkscope
