#include "report/data/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <streambuf>

#include "base/error.h"

namespace sinkscope {
namespace {

[[noreturn]] void fail(const std::string& path, int reason) {
  throw Error(ErrorCode::kOutput, fmt::format("{}: cannot be written; {}; check the path, its permissions and the free "
                                              "space",
                                              path, std::strerror(reason)));
}

// A stream onto a file descriptor that remembers why writing failed, which std::ofstream does not.
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
    for (const char* at = pbase(); at != pptr();) {
      const ssize_t n = ::write(descriptor_, at, static_cast<std::size_t>(pptr() - at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        reason_ = errno;
        return -1;
      }
      at += n;
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return 0;
  }

 private:
  int descriptor_;
  int reason_ = 0;
  std::array<char, 1 << 16> buffer_;
};

void write_to(int descriptor, const std::string& path, const std::function<void(std::ostream&)>& write) {
  DescriptorBuffer buffer(descriptor);
  std::ostream out(&buffer);
  try {
    write(out);
  } catch (const Error& error) {
    // The system's reason says more than that the stream failed.
    if (buffer.reason() != 0) fail(path, buffer.reason());
    throw;
  }
  out.flush();
  if (!out) fail(path, buffer.reason());
}

// A file beside the target that vanishes unless it takes the target's place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target) : target_(target), name_(target + ".XXXXXX") {
    descriptor_ = mkstemp(name_.data());
    if (descriptor_ < 0) fail(target_, errno);
    // mkstemp makes files for the owner alone; an output file is as public as any other.
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(descriptor_, 0666 & ~mask);
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!placed_) unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }
  void place() {
    if (fsync(descriptor_) != 0) fail(target_, errno);
    if (rename(name_.c_str(), target_.c_str()) != 0) fail(target_, errno);
    placed_ = true;
  }

 private:
  std::string target_, name_;
  int descriptor_ = -1;
  bool placed_ = false;
};

}  // namespace

void write_output(const std::string& path, const std::function<void(std::ostream&)>& write) {
  if (path == "-") {
    std::cout.flush();
    write_to(STDOUT_FILENO, "standard output", write);
    return;
  }
  struct stat status{};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    // A pipe or a device is written as it is; a folder fails here.
    const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) fail(path, errno);
    try {
      write_to(descriptor, path, write);
    } catch (...) {
      close(descriptor);
      throw;
    }
    close(descriptor);
    return;
  }
  TemporaryFile file(path);
  write_to(file.descriptor(), path, write);
  file.place();
}

}  // namespace sinkscope
