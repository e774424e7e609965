#include "cli/outputs.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/whole_file.h"
#include "cli/help.h"
#include "cli/paths.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

constexpr char kStandardOutput[] = "-";

VerbCommand& verb_of(CLI::App& app) { return dynamic_cast<VerbCommand&>(app); }

// A file that a command names, and how.
struct NamedFile {
  std::string path;
  std::string option;
};

// What a path leads to, through links of both kinds.
std::optional<std::pair<dev_t, ino_t>> identity(const NamedFile& file) {
  struct stat status{};
  const bool standard = file.path == kStandardOutput;
  const int failed = standard ? fstat(STDOUT_FILENO, &status) : stat(file.path.c_str(), &status);
  // A device may be read and written at once; standard output is a file only if the shell made it one.
  if (failed != 0 || S_ISCHR(status.st_mode) || (standard && !S_ISREG(status.st_mode))) return std::nullopt;
  return std::pair(status.st_dev, status.st_ino);
}

bool is_one_file(const NamedFile& a, const NamedFile& b) {
  const auto first = identity(a), second = identity(b);
  if (first || second) return first == second;
  if (a.path == kStandardOutput || b.path == kStandardOutput) return false;
  std::error_code ignored;
  if (fs::exists(a.path, ignored) || fs::exists(b.path, ignored)) return false;
  const auto place_of = [&](const std::string& path) {
    return fs::weakly_canonical(fs::absolute(followed(path), ignored), ignored);
  };
  return place_of(a.path) == place_of(b.path);
}

std::string option_name(const CLI::Option* option) {
  if (option == nullptr) return {};
  return option->get_positional() ? option->get_name(true) : option_names(*option).back();
}

// A model may lie in several files, of which the command line names the first.
std::vector<std::string> other_parts(const std::string& path) {
  constexpr std::size_t kTailSize = sizeof "00001-of-00002.gguf" - 1;
  const std::string name = fs::path(path).filename().string();
  if (!name.ends_with(".gguf") || name.size() <= kTailSize || name.find("-of-") == std::string::npos) return {};
  const std::string stem = name.substr(0, name.size() - kTailSize);
  std::vector<std::string> parts;
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  for (fs::directory_iterator at(folder.empty() ? "." : folder, error), end; !error && at != end; at.increment(error)) {
    const std::string other = at->path().filename().string();
    if (other.size() == name.size() && other.starts_with(stem) && other != name) parts.push_back(at->path().string());
  }
  return parts;
}

std::vector<NamedFile> inputs_of(const VerbCommand& verb) {
  std::vector<NamedFile> files;
  for (const CLI::Option* option : verb.get_options()) {
    if (!names_a_file(*option) || verb.find(option) != nullptr) continue;
    for (const std::string& path : option->results()) {
      if (path.empty() || path == "-") continue;
      files.push_back({path, option_name(option)});
      for (const std::string& part : other_parts(path)) files.push_back({part, option_name(option)});
    }
  }
  return files;
}

[[noreturn]] void refuse_one_file(const NamedFile& output, const NamedFile& other) {
  if (output.path == kStandardOutput && other.path == kStandardOutput) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} and {} cannot both be standard output", other.option, output.option));
  }
  throw Error(ErrorCode::kUsage,
              output.path == other.path
                  ? fmt::format("'{}' is named twice: expected a file of its own for each output", output.path)
                  : fmt::format("'{}' and '{}' are one file: expected one of its own for each output", output.path,
                                other.path));
}

void check_replaceable(const std::string& path, MadeKind kind) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) == 0) return;
  const MadeKind there = made_kind(path);
  if (there == kind) return;
  throw Error(ErrorCode::kOutput, fmt::format("'{}' is there already and no earlier output of this kind: expected {}, "
                                              "got {}; it is left as it is; give another path, or --force to replace it",
                                              path, name_of(kind), name_of(there)));
}

void check_regular(const std::string& path) {
  if (!is_no_regular_file(path)) return;
  throw Error(ErrorCode::kOutput,
              fmt::format("cannot write '{}': expected a regular file, or none, got a pipe or a device; give another "
                          "path",
                          path));
}

}  // namespace

bool names_a_file(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.starts_with("FILE") || type.ends_with("|FILE") || type.ends_with(".gguf");
}

const VerbCommand::Output* VerbCommand::find(const CLI::Option* option) const {
  const auto found = std::ranges::find(outputs_, option, &Output::option);
  return found == outputs_.end() ? nullptr : &*found;
}

CLI::Option* add_output_option(CLI::App& app, const std::string& names, std::string& target,
                               const std::string& type_name, std::function<MadeKind()> kind,
                               const std::string& description) {
  VerbCommand& verb = verb_of(app);
  CLI::Option* option = verb.add_option(names, target, description)->type_name(type_name)->group("Output");
  verb.add({option, OutputRule::kReplace, std::move(kind), [&target] { return target; }});
  if (verb.get_option_no_throw("--force") == nullptr) {
    verb.add_flag("--force", verb.force(), "Replace an output file that is no earlier output of its kind")
        ->group("Output");
  }
  return option;
}

CLI::Option* add_output_option(CLI::App& app, const std::string& names, std::string& target,
                               const std::string& type_name, MadeKind kind, const std::string& description) {
  return add_output_option(app, names, target, type_name, [kind] { return kind; }, description);
}

CLI::Option* add_resumed_option(CLI::App& app, const std::string& names, std::string& target,
                                const std::string& description) {
  VerbCommand& verb = verb_of(app);
  CLI::Option* option = verb.add_option(names, target, description)->type_name("FILE")->group("Output");
  verb.add({option, OutputRule::kItsOwn, {}, [&target] { return target; }});
  return option;
}

void add_derived_output(CLI::App& app, std::optional<MadeKind> kind, std::function<std::string()> path) {
  VerbCommand::Output output{nullptr, OutputRule::kItsOwn, {}, std::move(path)};
  if (kind) {
    output.rule = OutputRule::kReplace;
    output.kind = [kind = *kind] { return kind; };
  }
  verb_of(app).add(std::move(output));
}

void check_different(std::span<const std::string> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!is_one_file({inputs[j], {}}, {inputs[i], {}})) continue;
      throw Error(ErrorCode::kUsage,
                  inputs[i] == inputs[j]
                      ? fmt::format("'{}' is named twice: expected different files, to be shown side by side", inputs[i])
                      : fmt::format("'{}' and '{}' are one file: expected different ones, to be shown side by side",
                                    inputs[j], inputs[i]));
    }
  }
}

void check_outputs(const CLI::App& app) {
  const auto& verb = dynamic_cast<const VerbCommand&>(app);
  std::vector<NamedFile> files = inputs_of(verb);
  for (const VerbCommand::Output& output : verb.outputs()) {
    const NamedFile file{output.path(), option_name(output.option)};
    if (file.path.empty()) continue;
    const bool may_be_standard = output.option != nullptr && output.option->get_type_name().ends_with("|-");
    if (file.path == kStandardOutput && !may_be_standard) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} names a file, which standard output cannot be; give a path", file.option));
    }
    for (const NamedFile& other : files) {
      if (is_one_file(file, other) || (file.path == kStandardOutput && other.path == kStandardOutput)) {
        refuse_one_file(file, other);
      }
    }
    files.push_back(file);
    if (file.path == kStandardOutput) continue;
    check_writable(file.path);
    if (output.rule == OutputRule::kItsOwn || !may_be_stream(output.kind())) check_regular(file.path);
    if (output.rule == OutputRule::kReplace && !verb.is_forced()) check_replaceable(file.path, output.kind());
  }
}

}  // namespace sinkscope
