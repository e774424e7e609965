#include "base/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <streambuf>
#include <utility>

#include "base/error.h"

namespace sinkscope {
namespace {

// Writes all of the bytes.
//
// returns  0, or errno's number
int write_all(int descriptor, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

// A stream onto a file descriptor that remembers why writing failed.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor) {
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }
  int reason() const { return reason_; }

 protected:
  int overflow(int c) override {
    if (sync() != 0) return traits_type::eof();
    if (c != traits_type::eof()) {
      *pptr() = static_cast<char>(c);
      pbump(1);
    }
    return traits_type::not_eof(c);
  }

  int sync() override {
    const int failed = write_all(descriptor_, {pbase(), pptr()});
    if (failed != 0) {
      reason_ = failed;
      return -1;
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return 0;
  }

 private:
  int descriptor_;
  int reason_ = 0;
  std::array<char, 1 << 16> buffer_;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Writes into a pipe or a device; a folder fails here.
void write_through(const std::string& path, const std::string& called,
                   const std::function<void(std::ostream&)>& write) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) throw_unwritable(called, errno);
  try {
    write_stream(descriptor, called, write);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
}

}  // namespace

void throw_unwritable(const std::string& called, int reason) {
  throw Error(ErrorCode::kOutput, fmt::format("{}: cannot be written; {}; check the path, its permissions and the free "
                                              "space",
                                              called, std::strerror(reason)));
}

FileBytes read_whole_file(const std::string& path, std::size_t max_bytes) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) return {"", std::strerror(errno)};
  FileBytes read;
  char buffer[1 << 16];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, file.get())) {
    if (n > max_bytes - read.bytes.size()) return {"", fmt::format("more than {} bytes", max_bytes)};
    read.bytes.append(buffer, n);
  }
  // A folder opens like a file, and fails here.
  if (std::ferror(file.get()) != 0) return {"", std::strerror(errno)};
  return read;
}

std::string temporary_name(const std::string& path) {
  constexpr std::size_t kMostNameBytes = 200;  // of the 255 that file systems allow
  static std::atomic<unsigned> n_names{0};
  const std::filesystem::path target(path);
  const std::string name = target.filename().string().substr(0, kMostNameBytes);
  return (target.parent_path() / fmt::format("{}.{}-{}.part", name, ::getpid(), n_names++)).string();
}

std::string followed(const std::string& path) {
  constexpr int kMostLinks = 40;  // as many as Linux follows
  std::filesystem::path at(path);
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code is_no_link;
    const std::filesystem::path next = std::filesystem::read_symlink(at, is_no_link);
    if (is_no_link) return at.string();
    at = at.parent_path() / next;
  }
  throw_unwritable(path, ELOOP);
}

bool is_no_regular_file(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

AtomicFile::AtomicFile(std::string path, std::string called) : path_(std::move(path)), called_(std::move(called)) {
  if (is_no_regular_file(path_)) {
    throw Error(ErrorCode::kOutput, fmt::format("{}: expected a regular file, or none, got a pipe, a device or a folder; "
                                                "give another path",
                                                called_));
  }
  path_ = followed(path_);
  // A name that a killed process of the same number left is passed over.
  constexpr int kMostTries = 100;
  for (int tries = 0; descriptor_ < 0; ++tries) {
    temporary_ = temporary_name(path_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && (errno != EEXIST || tries == kMostTries)) throw_unwritable(called_, errno);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  const int failed = write_all(descriptor_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (failed != 0) throw_unwritable(called_, failed);
  position_ += bytes.size();
}

void AtomicFile::commit() {
  // Some file systems say only here that the disk is full; some cannot be asked.
  if (::fsync(descriptor_) != 0 && errno != EINVAL) throw_unwritable(called_, errno);
  const int closed = ::close(std::exchange(descriptor_, -1));
  if (closed != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) throw_unwritable(called_, errno);
  committed_ = true;
}

void write_stream(int descriptor, const std::string& called, const std::function<void(std::ostream&)>& write) {
  DescriptorBuffer buffer(descriptor);
  std::ostream out(&buffer);
  try {
    write(out);
  } catch (const Error&) {
    // The system's reason says more than that the stream failed.
    if (buffer.reason() != 0) throw_unwritable(called, buffer.reason());
    throw;
  }
  out.flush();
  if (!out) throw_unwritable(called, buffer.reason());
}

void write_whole_file(const std::string& path, const std::string& called,
                      const std::function<void(std::ostream&)>& write) {
  if (is_no_regular_file(path)) {
    write_through(path, called, write);
    return;
  }
  AtomicFile file(path, called);
  write_stream(file.descriptor(), called, write);
  file.commit();
}

}  // namespace sinkscope
