#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/made_file.h"

namespace sinkscope {

// What the command line asked for: set by the verb that was named, run once everything is parsed.
struct Action {
  std::function<ExitCode()> run;
};

// A verb adds its own subcommand with options and help, and sets `action` when it is named.
using RegisterVerb = void (*)(CLI::App& program, Action& action);

// All verbs, in the order of the help text. Adding one: its file, and a line in verbs.cpp.
std::span<const RegisterVerb> all_verbs();

// A subcommand whose action is `run`, with the options that `run` holds on to.
//
// examples  command lines with what they do, one pair each; shown under the help
struct Example {
  std::string command;
  std::string what;
};
CLI::App& add_verb(CLI::App& program, Action& action, const std::string& name, const std::string& summary,
                   const std::string& description, const std::vector<Example>& examples, std::function<ExitCode()> run);

// An option that takes one of a few words; they are its type name, and completion offers them.
CLI::Option* add_choice(CLI::App& verb, const std::string& names, std::string& target,
                        const std::vector<std::string>& choices, const std::string& description);

// Checks of an option's value, with a message that says what was expected.
std::function<std::string(const std::string&)> whole_number(std::int64_t least, std::int64_t most);
std::function<std::string(const std::string&)> number(double least, double most);

// --json FILE|-: every verb that prints results has it.
//
// kind  the schema that it writes
CLI::Option* add_json_option(CLI::App& verb, std::string& target, MadeKind kind);

}  // namespace sinkscope
