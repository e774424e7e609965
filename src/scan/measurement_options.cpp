#include "scan/measurement_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kEdits = "edits";

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
  visit("cache_type_k", options.cache_type_k);
  visit("final_norm", options.final_norm);
  visit("short_rope_tokens", options.short_rope_tokens);
  visit("floor_alignment", options.floor.alignment);
  visit("floor_norm_ratio", options.floor.norm_ratio);
  visit("floor_unaligned_far_boost", options.floor.unaligned_far_boost);
  visit("floor_any_norm_both_signs", options.floor.any_norm_both_signs);
  visit("keep", options.keep);
  visit("rule", options.rule);
  visit("paper_positions", options.paper_positions);
  visit(kEdits, options.edits);
}

// Names that earlier programs did not write.
constexpr std::array<std::string_view, 4> kLater = {"rule", "paper_positions", kEdits, "short_rope_tokens"};

constexpr std::array kKeeps = {Keep::kRuns, Keep::kProfiles, Keep::kHeads};

std::string json_of(const std::string& value) {
  return Json(value).dump(-1, ' ', true, Json::error_handler_t::replace);
}
std::string json_of(bool value) { return value ? "true" : "false"; }
std::string json_of(int value) { return std::to_string(value); }
std::string json_of(float value) { return fmt::format("{}", value); }
std::string json_of(Keep value) { return json_of(std::string(name_of(value))); }

void read_option(const Json& json, std::string& value) { value = json.get<std::string>(); }
void read_option(const Json& json, bool& value) { value = json.get<bool>(); }
void read_option(const Json& json, int& value) { value = json.get<int>(); }
void read_option(const Json& json, float& value) { value = json.get<float>(); }
void read_option(const Json& json, Keep& value) { value = keep_from_name(json.get<std::string>()); }

std::vector<NamedOption> all_options(const MeasurementOptions& options) {
  std::vector<NamedOption> named;
  for_each_option(options, [&](const char* name, const auto& value) { named.emplace_back(name, json_of(value)); });
  return named;
}

}  // namespace

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
  if (options.edits.empty()) std::erase_if(named, [](const NamedOption& option) { return option.first == kEdits; });
  return named;
}

std::vector<OptionDifference> option_differences(const MeasurementOptions& expected, const MeasurementOptions& got) {
  const std::vector<NamedOption> a = all_options(expected), b = all_options(got);
  std::vector<OptionDifference> differences;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].second != b[i].second) differences.push_back({a[i].first, a[i].second, b[i].second});
  }
  return differences;
}

MeasurementOptions options_from_names(std::span<const NamedOption> named) {
  MeasurementOptions options;
  for_each_option(options, [&](const char* name, auto& value) {
    const auto found = std::ranges::find(named, name, &NamedOption::first);
    if (found == named.end() && std::ranges::find(kLater, name) != kLater.end()) return;
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
  const bool has_rule = std::ranges::find(named, "rule", &NamedOption::first) != named.end();
  if (!has_rule && options.floor.any_norm_both_signs) options.rule = "paper";
  return options;
}

}  // namespace sinkscope
