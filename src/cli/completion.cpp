#include "cli/completion.h"

#include <fmt/format.h>

#include <vector>

#include "cli/help.h"

namespace sinkscope {
namespace {

using Options = std::vector<const CLI::Option*>;

std::vector<const CLI::App*> verbs_of(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App* verb) { return !verb->get_name().empty(); });
}

Options options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

bool takes_value(const CLI::Option& option) { return option.get_type_size() != 0; }

enum class ValueKind { kOther, kFile, kModel, kFolder, kWords };

ValueKind kind_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type.starts_with("FILE")) return ValueKind::kFile;
  if (type == "MODEL.gguf") return ValueKind::kModel;
  if (type == "DIR") return ValueKind::kFolder;
  return type.find('|') == std::string::npos ? ValueKind::kOther : ValueKind::kWords;
}

std::string words_of(const CLI::Option& option) {
  std::string words = option.get_type_name();
  for (char& c : words) {
    if (c == '|') c = ' ';
  }
  return words;
}

// Between single quotes of a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string first_sentence(const std::string& text) {
  return text.substr(0, std::min({text.find(". "), text.find("; "), text.size()}));
}

std::string bash_values(const CLI::Option& option) {
  switch (kind_of(option)) {
    case ValueKind::kFile:
      return "COMPREPLY=($(compgen -f -- \"$current\"))";
    case ValueKind::kModel:
      return "COMPREPLY=($(compgen -f -X '!*.gguf' -- \"$current\") $(compgen -d -- \"$current\"))";
    case ValueKind::kFolder:
      return "COMPREPLY=($(compgen -d -- \"$current\"))";
    case ValueKind::kWords:
      return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$current\"))", words_of(option));
    case ValueKind::kOther:
      break;
  }
  return "COMPREPLY=()";
}

std::string bash_script(const CLI::App& program) {
  std::string cases, names;
  for (const CLI::App* verb : verbs_of(program)) {
    names += (names.empty() ? "" : " ") + verb->get_name();
    std::string options, values, positional;
    for (const CLI::Option* option : options_of(*verb)) {
      const std::vector<std::string> words = option_names(*option);
      for (const std::string& word : words) options += (options.empty() ? "" : " ") + word;
      if (takes_value(*option)) {
        values += fmt::format("        {}) {}; return ;;\n", fmt::join(words, "|"), bash_values(*option));
      }
    }
    for (const CLI::Option* option : verb->get_options()) {
      if (option->get_positional()) positional = fmt::format("      {}\n", bash_values(*option));
    }
    cases += fmt::format(
        "    {})\n      case \"$previous\" in\n{}      esac\n"
        "      if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '{}' -- \"$current\")); return; fi\n{}      ;;\n",
        verb->get_name(), values, options, positional);
  }
  return fmt::format(
      "# Completion of sinkscope for bash.\n"
      "_sinkscope() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W '{} --help --version' -- \"$current\")); return; fi\n"
      "  case \"${{COMP_WORDS[1]}}\" in\n{}  esac\n"
      "}}\n"
      "complete -o filenames -F _sinkscope sinkscope\n",
      names, cases);
}

// A description inside a zsh specification: brackets and colons have a meaning there.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : first_sentence(text)) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_values(const CLI::Option& option) {
  switch (kind_of(option)) {
    case ValueKind::kFile:
      return ":file:_files";
    case ValueKind::kModel:
      return ":model:_files -g \"*.gguf\"";
    case ValueKind::kFolder:
      return ":folder:_files -/";
    case ValueKind::kWords:
      return fmt::format(":value:({})", words_of(option));
    case ValueKind::kOther:
      break;
  }
  return ":value: ";
}

std::string zsh_script(const CLI::App& program) {
  std::string names, cases;
  for (const CLI::App* verb : verbs_of(program)) {
    names += "    " + quoted(fmt::format("{}:{}", verb->get_name(), zsh_text(verb->get_description()))) + "\n";
    cases += fmt::format("    {}) _arguments", verb->get_name());
    for (const CLI::Option* option : options_of(*verb)) {
      const bool repeats = option->get_items_expected_max() > 1;
      for (const std::string& name : option_names(*option)) {
        cases += " \\\n      " +
                 quoted(fmt::format("{}{}[{}]{}", repeats ? "*" : "", name, zsh_text(option->get_description()),
                                    takes_value(*option) ? zsh_values(*option) : ""));
      }
    }
    for (const CLI::Option* option : verb->get_options()) {
      if (option->get_positional()) cases += " \\\n      " + quoted("*" + zsh_values(*option));
    }
    cases += " ;;\n";
  }
  return fmt::format(
      "#compdef sinkscope\n"
      "# Completion of sinkscope for zsh.\n"
      "_sinkscope() {{\n"
      "  local -a verbs\n"
      "  verbs=(\n{}  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $verb in\n{}  esac\n"
      "}}\n"
      "if [[ $funcstack[1] == _sinkscope ]]; then _sinkscope \"$@\"; else compdef _sinkscope sinkscope; fi\n",
      names, cases);
}

std::string fish_names(const CLI::Option& option) {
  std::string text;
  for (const std::string& name : option_names(option)) {
    const bool is_long = name.starts_with("--");
    const bool is_old = !is_long && name.size() > 2;
    text += fmt::format(" -{} {}", is_long ? "l" : is_old ? "o" : "s", name.substr(is_long ? 2 : 1));
  }
  return text;
}

std::string fish_values(const CLI::Option& option) {
  switch (kind_of(option)) {
    case ValueKind::kFile:
      return " -r -F";
    case ValueKind::kModel:
      return " -x -a '(__fish_complete_suffix .gguf)'";
    case ValueKind::kFolder:
      return " -x -a '(__fish_complete_directories)'";
    case ValueKind::kWords:
      return fmt::format(" -x -a {}", quoted(words_of(option)));
    case ValueKind::kOther:
      break;
  }
  return " -x";
}

std::string fish_script(const CLI::App& program) {
  std::string text = "# Completion of sinkscope for fish.\ncomplete -c sinkscope -f\n";
  for (const CLI::App* verb : verbs_of(program)) {
    text += fmt::format("complete -c sinkscope -n __fish_use_subcommand -a {} -d {}\n", verb->get_name(),
                        quoted(first_sentence(verb->get_description())));
    const std::string here = fmt::format("complete -c sinkscope -n '__fish_seen_subcommand_from {}'", verb->get_name());
    for (const CLI::Option* option : options_of(*verb)) {
      text += fmt::format("{}{}{} -d {}\n", here, fish_names(*option), takes_value(*option) ? fish_values(*option) : "",
                          quoted(first_sentence(option->get_description())));
    }
    for (const CLI::Option* option : verb->get_options()) {
      if (option->get_positional()) text += here + fish_values(*option) + "\n";
    }
  }
  return text;
}

}  // namespace

std::string completion_script(const CLI::App& program, const std::string& shell) {
  if (shell == "bash") return bash_script(program);
  return shell == "zsh" ? zsh_script(program) : fish_script(program);
}

}  // namespace sinkscope
