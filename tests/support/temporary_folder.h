#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "tests/support/file_bytes.h"

namespace sinkscope {

// A folder of this test's own, gone with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sinkscope-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // A name in the folder, of a file that need not be there.
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  // The same of a file with these bytes.
  std::string file(const std::string& name, const std::string& bytes) const {
    write_bytes(file(name), bytes);
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

// A file with the given bytes that goes away with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) : path_(folder_.file("file", bytes)) {}
  const std::string& path() const { return path_; }

 private:
  TemporaryFolder folder_;
  std::string path_;
};

}  // namespace sinkscope
