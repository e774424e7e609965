#include "cli/converted_model.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr int kNoPackage = 77;
// Nothing is taken from the folder in which the program stands.
constexpr const char* kConvert =
    "import sys; sys.path[:] = [p for p in sys.path if p]; import importlib.util as u, runpy; "
    "sys.exit(77) if u.find_spec('sinkscope') is None else runpy.run_module('sinkscope.convert', run_name='__main__')";

bool is_word(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
}

// org/name, where neither a file nor a folder of that name was meant.
bool is_hub_name(const std::string& path) {
  const std::size_t slash = path.find('/');
  if (slash == path.npos || path.ends_with(".gguf")) return false;
  const std::string owner = path.substr(0, slash), name = path.substr(slash + 1);
  std::error_code ignored;
  return is_word(owner) && is_word(name) && !owner.starts_with('.') && !std::filesystem::exists(owner, ignored);
}

// A folder of a Hugging Face model without a GGUF file that could be taken as it is.
bool is_to_convert(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "config.json", ignored)) return false;
  const std::filesystem::directory_iterator files(folder, ignored);
  return std::ranges::none_of(begin(files), end(files), [](const auto& file) { return file.path().extension() == ".gguf"; });
}

struct Finished {
  int code = 127;  // of a program that could not be started
  std::string out;
};

// Runs a program to its end; its standard error is ours.
Finished run(std::array<std::string, 4> words) {
  std::array<int, 2> pipe_ends = {};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return {};
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  std::array<char*, 5> arguments = {};
  std::ranges::transform(words, arguments.begin(), [](std::string& word) { return word.data(); });
  pid_t child = 0;
  const int status = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  Finished finished;
  if (status == 0) {
    std::array<char, 4096> buffer = {};
    ssize_t n = 0;
    while ((n = read(pipe_ends[0], buffer.data(), buffer.size())) > 0 || (n < 0 && errno == EINTR)) {
      if (n > 0) finished.out.append(buffer.data(), static_cast<std::size_t>(n));
    }
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0 && errno == EINTR) {
    }
    finished.code = WIFEXITED(ended) ? WEXITSTATUS(ended) : 1;
  }
  close(pipe_ends[0]);
  return finished;
}

}  // namespace

std::string converted_model(const std::string& path) {
  std::error_code ignored;
  const bool is_folder = is_to_convert(path);
  if (!is_folder && (std::filesystem::exists(path, ignored) || !is_hub_name(path))) return path;
  const char* given = std::getenv("SINKSCOPE_PYTHON");
  const std::string python = given != nullptr && *given != '\0' ? given : "python3";
  const Finished finished = run({python, "-c", kConvert, path});
  if (finished.code == kNoPackage || finished.code == 127) {
    throw Error(ErrorCode::kModel,
                fmt::format("'{}': expected a GGUF file, got {}; pip install 'sinkscope[convert]' for {} converts it, or "
                            "do it yourself: python3 convert_hf_to_gguf.py {} --outfile model.gguf (of llama.cpp)",
                            path, is_folder ? "a folder of a Hugging Face model" : "no file of that name",
                            python, is_folder ? path : "FOLDER"));
  }
  const auto said = nlohmann::json::parse(finished.out, nullptr, false);
  if (said.is_object() && said.contains("gguf") && said["gguf"].is_string()) return said["gguf"].get<std::string>();
  const bool says_why = said.is_object() && said.contains("error") && said["error"].is_string();
  throw Error(ErrorCode::kModel, says_why ? said["error"].get<std::string>()
                                          : fmt::format("'{}': expected to be converted, but {} -m sinkscope.convert "
                                                        "ended with exit code {}",
                                                        path, python, finished.code));
}

}  // namespace sinkscope
