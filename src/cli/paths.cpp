#include "cli/paths.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/whole_file.h"

namespace sinkscope {

namespace fs = std::filesystem;

fs::path user_cache_folder() {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  if (xdg != nullptr && *xdg == '/') return xdg;
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) / ".cache" : fs::path();
}

std::string shell_word(const std::string& word) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./+:=@%,").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return word;
  std::string quoted = "'";
  for (const char c : word) c == '\'' ? quoted += "'\\''" : quoted += c;
  return quoted + "'";
}

void check_writable(const std::string& path) {
  if (path == "-") return;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw Error(ErrorCode::kOutput, fmt::format("cannot write '{}': expected a file name, got a directory", path));
  }
  if (fs::exists(path, error)) {
    if (access(path.c_str(), W_OK) == 0) return;
    throw Error(ErrorCode::kOutput, fmt::format("cannot write '{}': {}", path, std::strerror(errno)));
  }
  const fs::path parent = fs::path(followed(path)).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (!fs::is_directory(folder, error)) {
    throw Error(ErrorCode::kOutput, fmt::format("cannot write '{}': no folder '{}'", path, folder));
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    throw Error(ErrorCode::kOutput, fmt::format("cannot write '{}': {}", path, std::strerror(errno)));
  }
}

}  // namespace sinkscope
