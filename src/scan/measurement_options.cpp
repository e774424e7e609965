#include "scan/measurement_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

// Each option with its name: the one list that storing, reading and comparing share.
template <typename Options, typename Visit>
void for_each_option(Options& options, Visit&& visit) {
  visit("min_distance", options.min_distance);
  visit("bos", options.bos);
  visit("special", options.special);
  visit("chat", options.chat);
  visit("chunk", options.chunk);
  visit("n_ubatch", options.n_ubatch);
  visit("parallel", options.parallel);
  visit("precision", options.precision);
  for_each_setting(options.deployment, visit);
  visit("final_norm", options.final_norm);
  visit("short_rope_tokens", options.short_rope_tokens);
  visit("floor_alignment", options.floor.alignment);
  visit("floor_norm_ratio", options.floor.norm_ratio);
  visit("floor_unaligned_far_boost", options.floor.unaligned_far_boost);
  visit("floor_any_norm_both_signs", options.floor.any_norm_both_signs);
  visit("keep", options.keep);
  visit("rule", options.rule);
  visit("paper_positions", options.paper_positions);
  visit("edits", options.edits);
}

constexpr std::array kKeeps = {Keep::kRuns, Keep::kProfiles, Keep::kHeads};

std::string json_of(const std::string& value) {
  return Json(value).dump(-1, ' ', true, Json::error_handler_t::replace);
}
std::string json_of(bool value) { return value ? "true" : "false"; }
std::string json_of(int value) { return std::to_string(value); }
std::string json_of(float value) { return fmt::format("{}", value); }
template <typename Number>
std::string json_of(const std::optional<Number>& value) {
  return value ? json_of(*value) : "null";
}
std::string json_of(const std::vector<std::string>& value) {
  return Json(value).dump(-1, ' ', true, Json::error_handler_t::replace);
}
std::string json_of(const std::vector<LoraAdapter>& value) {
  Json all = Json::array();
  for (const LoraAdapter& adapter : value) {
    all.push_back({{"sha256", adapter.sha256}, {"scale", Json::parse(json_of(adapter.scale))}});
  }
  return all.dump();
}
std::string json_of(Keep value) { return json_of(std::string(name_of(value))); }

void read_option(const Json& json, std::string& value) { value = json.get<std::string>(); }
void read_option(const Json& json, bool& value) { value = json.get<bool>(); }
void read_option(const Json& json, int& value) { value = json.get<int>(); }
void read_option(const Json& json, float& value) { value = json.get<float>(); }
template <typename Number>
void read_option(const Json& json, std::optional<Number>& value) {
  value = json.get<Number>();
}
void read_option(const Json& json, std::vector<std::string>& value) { value = json.get<std::vector<std::string>>(); }
void read_option(const Json& json, std::vector<LoraAdapter>& value) {
  for (const Json& adapter : json) {
    value.push_back({"", adapter.at("sha256").get<std::string>(), adapter.at("scale").get<float>()});
  }
}
void read_option(const Json& json, Keep& value) { value = keep_from_name(json.get<std::string>()); }

std::vector<NamedOption> all_options(const MeasurementOptions& options) {
  std::vector<NamedOption> named;
  for_each_option(options, [&](const char* name, const auto& value) { named.emplace_back(name, json_of(value)); });
  return named;
}

// Nobody asked for it: files and JSON leave it out.
bool is_not_set(const NamedOption& option) {
  return option.second == "null" || option.second == "[]" || option.second == "\"\"";
}

}  // namespace

FarDistance far_distance(int asked, int sliding_window) {
  const int n_far = std::max(0, sliding_window - asked);
  if (sliding_window <= 0 || n_far >= kMinFarQueries) return {asked, ""};
  const std::string what = fmt::format(
      "blocks with the sliding window of {} tokens have {} queries at least {} positions behind a key, where a "
      "far score needs {}",
      sliding_window, n_far, asked, kMinFarQueries);
  const int allowed = sliding_window - kMinFarQueries;
  if (allowed < 1) return {asked, what + ", and no distance leaves more: they take no part in verdicts"};
  return {allowed, fmt::format("{}: queries from {} positions on are far", what, allowed)};
}

std::string_view name_of(Keep keep) {
  switch (keep) {
    case Keep::kRuns:
      return "runs";
    case Keep::kProfiles:
      return "profiles";
    case Keep::kHeads:
      return "heads";
  }
  return "";
}

Keep keep_from_name(std::string_view name) {
  for (const Keep keep : kKeeps) {
    if (name == name_of(keep)) return keep;
  }
  throw Error(ErrorCode::kUsage, fmt::format("--keep: expected runs, profiles or heads; got '{}'", name));
}

std::vector<NamedOption> named_options(const MeasurementOptions& options) {
  std::vector<NamedOption> named = all_options(options);
  std::erase_if(named, is_not_set);
  return named;
}

std::string settings_in_words(const Deployment& deployment) {
  std::vector<NamedOption> usual;
  const Deployment defaults;
  for_each_setting(defaults, [&](const char* name, const auto& value) { usual.emplace_back(name, json_of(value)); });
  std::string text;
  for_each_setting(deployment, [&](const char* name, const auto& value) {
    const NamedOption option(name, json_of(value));
    if (std::ranges::find(usual, option) != usual.end()) return;
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", option.first, option.second);
  });
  return text;
}

std::vector<OptionDifference> option_differences(const MeasurementOptions& expected, const MeasurementOptions& got) {
  const std::vector<NamedOption> a = all_options(expected), b = all_options(got);
  std::vector<OptionDifference> differences;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].second != b[i].second) differences.push_back({a[i].first, a[i].second, b[i].second});
  }
  return differences;
}

std::string in_words(const OptionDifference& difference) {
  std::string words = fmt::format("{} = {}, got {}", difference.name, difference.expected, difference.got);
  if (difference.name == "floor_any_norm_both_signs") {
    words += " (a scan of one text keeps what --rule paper asks for, one of several does so with --rule paper alone)";
  } else if (difference.name == "keep") {
    words += " (--keep: by default profiles of one text, runs of several)";
  }
  return words;
}

MeasurementOptions options_from_names(std::span<const NamedOption> named) {
  MeasurementOptions options;
  for_each_option(options, [&](const char* name, auto& value) {
    const auto found = std::ranges::find(named, name, &NamedOption::first);
    if (found == named.end() && is_not_set({name, json_of(value)})) return;
    if (found == named.end()) {
      throw Error(ErrorCode::kInput, fmt::format("measurement options: expected {}, got none", name));
    }
    try {
      read_option(Json::parse(found->second), value);
    } catch (const Json::exception&) {
      throw Error(ErrorCode::kInput,
                  fmt::format("measurement option {}: got '{}', of the wrong kind", name, found->second));
    }
  });
  return options;
}

}  // namespace sinkscope
