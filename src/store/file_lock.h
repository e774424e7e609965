#pragma once

#include <string>

namespace sinkscope {

// The right to write a results file, held until it is destroyed or its process ends, however that ends.
//
// An advisory flock() on the file itself: SQLite's own locks are of another kind (fcntl) and last for a transaction
// only, while a scan lasts for hours. Readers take none.
class FileLock {
 public:
  FileLock() = default;
  // Makes the file, empty, where there is none.
  //
  // throws  Error{kOutput} if it is no regular file, cannot be written, or another process holds the lock
  explicit FileLock(const std::string& path);
  FileLock(FileLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

}  // namespace sinkscope
