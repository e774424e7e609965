#include "store/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/whole_file.h"

namespace sinkscope {
namespace {

void remove_with_logs(const std::string& path) {
  // The file itself last: by its name the others are found again.
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) ::unlink((path + suffix).c_str());
}

// The unfinished file with all that SQLite may have put beside it.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) { remove_with_logs(path_); }
  ~Unfinished() { remove_with_logs(path_); }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The number of the process that made an unfinished file of this name; 0 if it is none.
long maker_of(const std::string& file, const std::string& target) {
  constexpr std::string_view kSuffix = ".part";
  if (!file.starts_with(target + ".") || !file.ends_with(kSuffix)) return 0;
  const std::size_t from = target.size() + 1;
  if (file.size() <= from + kSuffix.size()) return 0;
  const char* first = file.data() + from;
  const char* last = file.data() + file.size() - kSuffix.size();
  long maker = 0;
  const auto [end, error] = std::from_chars(first, last, maker);
  return error == std::errc() && end == last ? maker : 0;
}

// Whether a process of that number runs on this machine, or the file is being written on another.
bool is_at_work(long maker, const std::string& path) {
  if (::kill(static_cast<pid_t>(maker), 0) == 0 || errno != ESRCH) return true;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return true;
  const bool locked = ::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return locked;
}

// What runs that were killed left of the same file.
void remove_leftovers(const std::string& path) {
  const std::filesystem::path target(path);
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  std::error_code error;
  std::vector<std::string> found;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const long maker = maker_of(at->path().filename().string(), target.filename().string());
    if (maker > 0 && !is_at_work(maker, at->path().string())) found.push_back(at->path().string());
  }
  for (const std::string& leftover : found) remove_with_logs(leftover);
}

// Words about the unfinished file, about the file that it was to be.
std::string with_name(std::string words, const std::string& unfinished, const std::string& target) {
  for (std::size_t at = 0; (at = words.find(unfinished, at)) != std::string::npos; at += target.size()) {
    words.replace(at, unfinished.size(), target);
  }
  return words;
}

[[noreturn]] void refuse_existing(const std::string& path) {
  throw Error(ErrorCode::kOutput, fmt::format("{}: expected a new file, but there is one; give another path", path));
}

}  // namespace

void write_new_file(const std::string& target, const std::function<void(const std::string& path)>& write) {
  if (target.empty()) throw Error(ErrorCode::kUsage, "results file: expected a path, got nothing");
  const std::string path = followed(target);
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) refuse_existing(path);
  remove_leftovers(path);
  const Unfinished unfinished(fmt::format("{}.{}.part", path, ::getpid()));
  try {
    write(unfinished.path());
  } catch (const Error& error) {
    throw Error(error.code(), with_name(error.what(), unfinished.path(), target));
  }
  // A link is never made over a file that somebody else made meanwhile, as renaming would.
  if (::link(unfinished.path().c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) refuse_existing(path);
    if (::rename(unfinished.path().c_str(), path.c_str()) != 0) {
      throw Error(ErrorCode::kOutput, fmt::format("{}: cannot be written; {}", path, std::strerror(errno)));
    }
  }
}

}  // namespace sinkscope
