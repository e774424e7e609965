#include "cli/verbs/verb.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "cli/outputs.h"

namespace sinkscope {

CLI::App& add_verb(CLI::App& program, Action& action, const std::string& name, const std::string& summary,
                   const std::string& description, const std::vector<Example>& examples,
                   std::function<ExitCode()> run) {
  const auto command = std::make_shared<VerbCommand>(summary, name);
  CLI::App* verb = program.add_subcommand(command);
  // What a subcommand takes over that CLI11 makes itself.
  const CLI::Option* help = program.get_help_ptr();
  verb->set_help_flag(help->get_name(false, true), help->get_description());
  verb->formatter(program.get_formatter());
  *verb->option_defaults() = *program.option_defaults();
  std::string footer = description;
  if (!examples.empty()) footer += "\n\nExamples:";
  for (const auto& [line, what] : examples) footer += fmt::format("\n  {}\n      {}", line, what);
  verb->footer(footer);
  verb->callback([&action, run = std::move(run)] { action.run = run; });
  return *verb;
}

CLI::Option* add_choice(CLI::App& verb, const std::string& names, std::string& target,
                        const std::vector<std::string>& choices, const std::string& description) {
  const std::string words = fmt::format("{}", fmt::join(choices, "|"));
  CLI::Option* option = verb.add_option(names, target, description);
  option->type_name(words);
  option->check(
      [choices, words](const std::string& value) {
        const bool known = std::find(choices.begin(), choices.end(), value) != choices.end();
        return known ? std::string() : fmt::format("expected {}, got '{}'", words, value);
      },
      "");
  return option;
}

std::function<std::string(const std::string&)> whole_number(std::int64_t least, std::int64_t most) {
  return [least, most](const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most)
      return std::string();
    return fmt::format("expected a whole number from {} to {}, got '{}'", least, most, text);
  };
}

std::function<std::string(const std::string&)> number(double least, double most) {
  return [least, most](const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most)
      return std::string();
    return fmt::format("expected a number from {} to {}, got '{}'", least, most, text);
  };
}

CLI::Option* add_json_option(CLI::App& verb, std::string& target, MadeKind kind) {
  return add_output_option(verb, "--json", target, "FILE|-", kind,
                           "Write the results as JSON; - is standard output, with nothing else on it");
}

}  // namespace sinkscope
