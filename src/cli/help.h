#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sinkscope {

// Options of this group are left out of a verb's help; --help-rule lists them.
inline constexpr const char* kRuleInDetail = "Rule, in detail";

// Help in one look: usage, what the verb does, options by group, examples; 100 columns at most. With AppFormatMode::All
// the options of kRuleInDetail alone.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

// Options of llama.cpp with one dash and several letters (-ub, -ngl), which CLI11 does not know: they are parsed
// under two dashes and shown under one.
bool is_single_dash_name(const std::string& long_name);
// "--ub" -> "-ub", others as they are.
std::string shown_option_name(const std::string& name);

// The option's names as help and completion show them: "-m", "--model".
std::vector<std::string> option_names(const CLI::Option& option);

}  // namespace sinkscope
