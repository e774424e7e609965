#include "cli/options/rule_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <type_traits>

#include "base/error.h"
#include "cli/help.h"
#include "cli/progress.h"
#include "cli/verbs/verb.h"
#include "sinks/fields.h"

namespace sinkscope {

ReportOptions RuleOptions::report_options() const {
  ReportOptions options;
  if (!rule.empty()) options.rule = rule == "paper" ? Rule::kPaper : Rule::kEvidence;
  options.thresholds = thresholds;
  if (paper_positions) options.paper = PaperOptions{*paper_positions};
  options.other_runs = other_runs;
  return options;
}

namespace {

std::string option_of(std::string_view name) {
  std::string option = "--" + std::string(name);
  std::ranges::replace(option, '_', '-');
  return option;
}

// The thresholds of one group of the help.
void add_thresholds(CLI::App& verb, RuleOptions& options, bool in_detail, const std::string& group) {
  for_each_field(kThresholdFields, [&](const auto& field) {
    if (field.in_detail != in_detail) return;
    CLI::Option* option =
        verb.add_option(option_of(field.name), options.thresholds.*field.member, std::string(field.help))->group(group);
    options.of_one_rule.push_back({option, Rule::kEvidence});
    if constexpr (std::is_same_v<decltype(field.least), const int>) {
      option->type_name("N")->check(whole_number(field.least, field.most));
    } else {
      option->type_name("X")->check(number(static_cast<double>(field.least), static_cast<double>(field.most)));
    }
  });
}

// The thresholds that few ask for, and the flag that lists them.
void add_rule_in_detail(CLI::App& verb, RuleOptions& options) {
  add_thresholds(verb, options, true, kRuleInDetail);
  add_help_of_details(verb);
}

}  // namespace

std::string options_of(const Thresholds& thresholds) {
  std::string options;
  const Thresholds defaults;
  for_each_field(kThresholdFields, [&](const auto& field) {
    const auto value = thresholds.*field.member;
    if (value != defaults.*field.member) options += fmt::format(" {} {}", option_of(field.name), value);
  });
  return options;
}

void note_other_rule(const ScanFile& file, const std::string& path) {
  if (file.options().rule != "paper") return;
  note(fmt::format("'{}' was scanned for the paper's rule; its sinks are judged here by the evidence rule", path));
}

void add_rule_options(CLI::App& verb, RuleOptions& options) {
  const std::string group = "Rule";
  add_choice(
      verb, "--rule", options.rule, {"evidence", "paper"},
      "evidence: direction, norm and attention together; paper: the authors' code, direction alone. By default the "
      "rule that the file was scanned for, and evidence for a new one")
      ->group(group);
  add_thresholds(verb, options, false, group);
  const CLI::Option* positions =
      verb.add_option("--paper-positions", options.paper_positions,
                      "With --rule paper: among how many first positions it looks")
          ->type_name("2|3")
          ->check(whole_number(2, 3))
          ->group(group);
  const CLI::Option* runs =
      verb.add_flag("--other-runs", options.other_runs, "JSON lists the runs that are no sinks as well")->group(group);
  options.of_one_rule.push_back({positions, Rule::kPaper});
  options.of_one_rule.push_back({runs, Rule::kEvidence});
  add_rule_in_detail(verb, options);
}

void check_rule_options(const RuleOptions& options, std::span<const Rule> applied) {
  const auto name = [](Rule rule) { return rule == Rule::kPaper ? "paper" : "evidence"; };
  for (const auto& [option, rule] : options.of_one_rule) {
    if (option->count() == 0 || std::ranges::find(applied, rule) != applied.end()) continue;
    throw Error(ErrorCode::kUsage, fmt::format("{} belongs to --rule {}: expected both, got the rule {}",
                                               option_names(*option).back(), name(rule), name(applied.front())));
  }
}

void add_threshold_options(CLI::App& verb, RuleOptions& options) {
  options.rule = "evidence";
  add_thresholds(verb, options, false, "Rule");
  add_rule_in_detail(verb, options);
}

}  // namespace sinkscope
