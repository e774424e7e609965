#include "store/new_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace sinkscope {
namespace {

// The unfinished file with all that SQLite may have put beside it.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) { remove(); }
  ~Unfinished() { remove(); }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::string& path() const { return path_; }

 private:
  void remove() const {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((path_ + suffix).c_str());
  }
  std::string path_;
};

[[noreturn]] void refuse_existing(const std::string& path) {
  throw Error(ErrorCode::kOutput, fmt::format("{}: expected a new file, but there is one; give another path", path));
}

}  // namespace

void write_new_file(const std::string& path, const std::function<void(const std::string& path)>& write) {
  if (path.empty()) throw Error(ErrorCode::kUsage, "results file: expected a path, got nothing");
  if (std::filesystem::exists(std::filesystem::symlink_status(path))) refuse_existing(path);
  const Unfinished unfinished(fmt::format("{}.{}.part", path, ::getpid()));
  write(unfinished.path());
  // A link is never made over a file that somebody else made meanwhile, as renaming would.
  if (::link(unfinished.path().c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) refuse_existing(path);
    if (::rename(unfinished.path().c_str(), path.c_str()) != 0) {
      throw Error(ErrorCode::kOutput, fmt::format("{}: cannot be written; {}", path, std::strerror(errno)));
    }
  }
}

}  // namespace sinkscope
