#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>

namespace sinkscope {

// Options of these groups, which few need, are left out of a verb's help; --help-all lists them.
inline constexpr const char* kModelInDetail = "Model, in detail";
inline constexpr const char* kRuleInDetail = "Rule, in detail";
// Adds --help-all to a verb.
void add_help_of_details(CLI::App& verb);

// Help in one look: usage, what the verb does, options by group, examples; 100 columns at most. With AppFormatMode::All
// those options alone.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

// Options of llama.cpp with one dash and several letters ("ub", "ngl"), which CLI11 does not know: they are parsed
// under two dashes and shown under one.
std::span<const std::string_view> single_dash_names();
bool is_single_dash_name(const std::string& long_name);
// "--ub" -> "-ub", others as they are.
std::string shown_option_name(const std::string& name);

// The option's names as help and completion show them: "-m", "--model".
std::vector<std::string> option_names(const CLI::Option& option);

}  // namespace sinkscope
