#pragma once

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace sinkscope {

// A file with the given bytes that goes away with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) {
    const int fd = mkstemp(path_.data());
    close(fd);
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/sinkscope-test-XXXXXX";
};

}  // namespace sinkscope
