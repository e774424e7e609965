#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/made_file.h"

namespace sinkscope {

// Who decides what becomes of a file that is there already.
enum class OutputRule {
  kReplace,  // it is written as a whole, and may take the place of an earlier output of its kind
  kItsOwn,   // what writes it decides: results files and texts are resumed, or refused
};

// A verb's command, which knows the files that it writes. An option that names one is added by one of the functions
// below. Every other option with a file for its value, one whose type name begins with FILE or ends in .gguf, names an
// input.
class VerbCommand : public CLI::App {
 public:
  using CLI::App::App;

  struct Output {
    const CLI::Option* option;  // null for a file that is named after others
    OutputRule rule;
    std::function<MadeKind()> kind;  // once the command is parsed; of kReplace alone: what it may replace
    std::function<std::string()> path;
  };
  void add(Output output) { outputs_.push_back(std::move(output)); }
  const std::vector<Output>& outputs() const { return outputs_; }
  const Output* find(const CLI::Option* option) const;
  bool& force() { return force_; }
  bool is_forced() const { return force_; }

 private:
  std::vector<Output> outputs_;
  bool force_ = false;  // --force, which the first output that replaces adds
};

// An option for a file that is written as a whole; its type name is FILE, or FILE|- where standard output may be meant.
//
// app   made by add_verb
// kind  what it is, once the command is parsed: of earlier files it replaces that kind only
CLI::Option* add_output_option(CLI::App& app, const std::string& names, std::string& target,
                               const std::string& type_name, std::function<MadeKind()> kind,
                               const std::string& description);
CLI::Option* add_output_option(CLI::App& app, const std::string& names, std::string& target,
                               const std::string& type_name, MadeKind kind, const std::string& description);
// An option for a file that is resumed.
CLI::Option* add_resumed_option(CLI::App& app, const std::string& names, std::string& target,
                                const std::string& description);
// A file that is named after others.
//
// kind  nothing for a file of OutputRule::kItsOwn
// path  its name once the command is parsed; empty for none
void add_derived_output(CLI::App& app, std::optional<MadeKind> kind, std::function<std::string()> path);

// Whether the option's value is a file, by its type name.
bool names_a_file(const CLI::Option& option);

// Whether files that are shown side by side are different ones, under whatever names.
//
// throws  Error{kUsage} if two are one
void check_different(std::span<const std::string> inputs);

// Whether a parsed command may write what it names, before anything is done.
//
// An output is never a file that the command reads or writes otherwise, under whatever name. It takes the place of a
// file only if that is empty or an earlier output of its kind; of any other with --force. What is written as one stream
// may go into a pipe or a device; a model, a results file and generated texts may not.
//
// throws  Error{kUsage} for a file with two parts, or standard output where none can be; Error{kOutput} for a path that
//         cannot be written, or a file that is not replaced
void check_outputs(const CLI::App& app);

}  // namespace sinkscope
