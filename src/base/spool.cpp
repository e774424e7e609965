#include "base/spool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

std::string temporary_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

[[noreturn]] void refuse_write() {
  throw Error(ErrorCode::kOutput,
              fmt::format("cannot write a temporary file in '{}': {}; set TMPDIR to a folder with room",
                          temporary_folder(), std::strerror(errno)));
}

std::FILE* open_unnamed() {
  std::string name = temporary_folder() + "/sinkscope-XXXXXX";
  const int fd = mkstemp(name.data());
  if (fd < 0) refuse_write();
  unlink(name.c_str());
  return fdopen(fd, "w+b");
}

}  // namespace

void Spool::append(std::string_view text) {
  tail_ += text;
  if (tail_.size() <= memory_bytes_) return;
  if (!file_) file_.reset(open_unnamed());
  if (fseeko(file_.get(), static_cast<off_t>(file_bytes_), SEEK_SET) != 0 ||
      std::fwrite(tail_.data(), 1, tail_.size(), file_.get()) != tail_.size() || std::fflush(file_.get()) != 0) {
    refuse_write();
  }
  file_bytes_ += tail_.size();
  tail_.clear();
}

void Spool::read(std::uint64_t first, std::uint64_t n, const std::function<void(std::string_view)>& take) const {
  std::vector<char> piece;
  while (n > 0 && first < file_bytes_) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>({n, file_bytes_ - first, kPiece})));
    if (fseeko(file_.get(), static_cast<off_t>(first), SEEK_SET) != 0 ||
        std::fread(piece.data(), 1, piece.size(), file_.get()) != piece.size()) {
      throw Error(ErrorCode::kOutput, "a temporary file cannot be read back");
    }
    take(std::string_view(piece.data(), piece.size()));
    first += piece.size();
    n -= piece.size();
  }
  if (n > 0)
    take(std::string_view(tail_).substr(static_cast<std::size_t>(first - file_bytes_), static_cast<std::size_t>(n)));
}

std::streamsize Spool::xsputn(const char* text, std::streamsize n) {
  append(std::string_view(text, static_cast<std::size_t>(n)));
  return n;
}

int Spool::overflow(int c) {
  if (c == traits_type::eof()) return 0;
  const char one = static_cast<char>(c);
  append(std::string_view(&one, 1));
  return c;
}

}  // namespace sinkscope
