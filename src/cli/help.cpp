#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

namespace sinkscope {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kNameColumns = 34;
constexpr std::array<std::string_view, 8> kSingleDashNames = {"ub", "ngl", "np", "dev", "sm", "mg", "ctk", "ctv"};

// Text broken at blanks; lines after the first are indented. Lines that are indented already are left alone.
std::string wrapped(const std::string& text, std::size_t first_column, std::size_t indent) {
  std::string out, line;
  std::istringstream lines(text);
  for (bool first = true; std::getline(lines, line); first = false) {
    if (!first) out += "\n" + std::string(indent, ' ');
    if (line.starts_with(' ')) {
      out += line;
      continue;
    }
    std::size_t column = first ? first_column : indent;
    std::istringstream words(line);
    std::string word;
    for (bool start = true; words >> word; start = false) {
      if (!start && column + 1 + word.size() > kColumns) {
        out += "\n" + std::string(indent, ' ');
        column = indent;
        start = true;
      }
      if (!start) out += ' ';
      out += word;
      column += word.size() + (start ? 0 : 1);
    }
  }
  return out;
}

std::string row(const std::string& name, const std::string& text) {
  if (name.size() + 2 > kNameColumns) {
    return fmt::format("{}\n{}{}\n", name, std::string(kNameColumns, ' '), wrapped(text, kNameColumns, kNameColumns));
  }
  return fmt::format("{:<{}}{}\n", name, kNameColumns, wrapped(text, kNameColumns, kNameColumns));
}

// What an option takes; of a long list of words its verb's description has to tell.
std::string value_name(const CLI::Option& option) {
  constexpr std::size_t kMostColumns = 60;
  std::string name = option.get_type_name();
  return name.size() > kMostColumns ? "NAME" : name;
}

std::string names_and_value(const CLI::Option& option) {
  const std::vector<std::string> names = option_names(option);
  const bool has_short = names.front().size() == 2;
  std::string text = fmt::format("  {}{}", has_short ? "" : "    ", fmt::join(names, ", "));
  if (option.get_type_size() != 0) text += " " + value_name(option);
  return text;
}

std::string description_and_default(const CLI::Option& option) {
  std::string value = option.get_type_size() == 0 ? "" : option.get_default_str();
  if (value.starts_with('[') && value.ends_with(']')) value = value.substr(1, value.size() - 2);  // CLI11's of a list
  std::string text = option.get_description();
  if (option.get_required()) text += " (required)";
  return value.empty() ? text : fmt::format("{} [{}]", text, value);
}

// returns  the group's heading and options; empty if it has none
std::string options_of_group(const CLI::App& app, const std::string& group) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group() != group || !option->nonpositional()) continue;
    text += row(names_and_value(*option), description_and_default(*option));
  }
  return text.empty() ? text : group + ":\n" + text;
}

std::string usage(const CLI::App& app) {
  std::string text = "Usage: ";
  if (app.get_parent() != nullptr) text += app.get_parent()->get_name() + " ";
  text += app.get_name();
  if (!app.get_subcommands({}).empty()) text += " VERB";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    if (option->get_required()) text += fmt::format(" {} {}", option_names(*option).front(), value_name(*option));
  }
  text += " [options]";
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const bool many = option->get_expected_max() > 1;
    const std::string name = option->get_name(true) + (many ? "..." : "");
    text += option->get_required() ? " " + name : " [" + name + "]";
  }
  return text + "\n";
}

}  // namespace

std::span<const std::string_view> single_dash_names() { return kSingleDashNames; }

bool is_single_dash_name(const std::string& long_name) {
  return std::find(kSingleDashNames.begin(), kSingleDashNames.end(), long_name) != kSingleDashNames.end();
}

std::string shown_option_name(const std::string& name) {
  return name.starts_with("--") && is_single_dash_name(name.substr(2)) ? name.substr(1) : name;
}

std::vector<std::string> option_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back(shown_option_name("--" + name));
  return names;
}

void add_help_of_details(CLI::App& verb) { verb.set_help_all_flag("--help-all", "Print the options that few need"); }

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const {
  if (mode == CLI::AppFormatMode::All) {
    const std::string model = options_of_group(*app, kModelInDetail), rule = options_of_group(*app, kRuleInDetail);
    return model.empty() || rule.empty() ? model + rule : model + "\n" + rule;
  }
  std::string text = usage(*app) + "\n" + wrapped(app->get_description(), 0, 0) + "\n";
  const auto verbs = app->get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
  if (!verbs.empty()) text += "\nVerbs:\n";
  for (const CLI::App* verb : verbs) {
    text += fmt::format("  {:<14}{}\n", verb->get_name(), wrapped(verb->get_description(), 16, 16));
  }
  const auto positionals = app->get_options([](const CLI::Option* option) { return option->get_positional(); });
  if (!positionals.empty()) text += "\nArguments:\n";
  for (const CLI::Option* option : positionals) {
    text += row("  " + option->get_name(true), option->get_description());
  }
  for (const std::string& group : app->get_groups()) {
    if (group.empty() || group == kModelInDetail || group == kRuleInDetail) continue;
    if (const std::string options = options_of_group(*app, group); !options.empty()) text += "\n" + options;
  }
  if (!app->get_footer().empty()) text += "\n" + wrapped(app->get_footer(), 0, 0) + "\n";
  return text;
}

}  // namespace sinkscope
