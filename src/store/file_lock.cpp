#include "store/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace sinkscope {

FileLock::FileLock(const std::string& path) {
  // A pipe would block here until somebody reads it, hence O_NONBLOCK.
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (descriptor_ < 0) {
    throw Error(ErrorCode::kOutput, fmt::format("{}: cannot be written; {}; check the path and its permissions", path,
                                                std::strerror(errno)));
  }
  struct stat status{};
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor_);
    throw Error(ErrorCode::kOutput, fmt::format("{}: expected a regular file to write results into; got something "
                                                "else; give another path",
                                                path));
  }
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  close(descriptor_);
  // A file system without locks must not keep anybody from working.
  if (reason == ENOLCK || reason == ENOSYS || reason == EOPNOTSUPP) {
    descriptor_ = -1;
    return;
  }
  throw Error(ErrorCode::kOutput,
              fmt::format("{}: locked; another sinkscope is writing into it; wait until it is done, "
                          "or use another file",
                          path));
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sinkscope
