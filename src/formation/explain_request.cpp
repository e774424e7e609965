#include "formation/explain_request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "sinks/fields.h"

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

// Options that may change without making what was measured another thing.
constexpr std::array<std::string_view, 2> kGrowing = {"edit_sinks", "layers"};

constexpr std::array kKinds = {SinkKind::kSecondary, SinkKind::kPrimaryLike};

// visit(name, member) for all that is stored but the kinds.
template <typename Request, typename Visit>
void for_each_option(Request& request, Visit&& visit) {
  visit("layers", request.layers);
  for_each_field(kThresholdFields,
                 [&](const auto& field) { visit(std::string(field.name), request.thresholds.*field.member); });
  for_each_explain_option(request.options, visit);
}

}  // namespace

std::vector<NamedOption> named_explain_options(const ExplainRequest& request) {
  std::vector<NamedOption> named;
  Json kinds = Json::array();
  for (const SinkKind kind : request.kinds) kinds.push_back(std::string(name_of(kind)));
  named.emplace_back("kinds", kinds.dump());
  for_each_option(request, [&](const std::string& name, const auto& value) {
    if constexpr (requires { value.size(); }) {
      named.emplace_back(name, Json(value).dump());
    } else {
      named.emplace_back(name, fmt::format("{}", value));
    }
  });
  return named;
}

ExplainRequest explain_request_from_names(std::span<const NamedOption> named) {
  const auto json_of = [&](std::string_view name) {
    const auto found = std::ranges::find(named, name, &NamedOption::first);
    if (found == named.end()) {
      throw Error(ErrorCode::kInput, fmt::format("options of explain: expected {}, got none", name));
    }
    return Json::parse(found->second);
  };
  ExplainRequest request;
  request.kinds.clear();
  try {
    const auto names = json_of("kinds").get<std::vector<std::string>>();
    for (const SinkKind kind : kKinds) {
      if (std::ranges::find(names, name_of(kind)) != names.end()) request.kinds.push_back(kind);
    }
    for_each_option(request, [&](const std::string& name, auto& value) { json_of(name).get_to(value); });
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::kInput, fmt::format("options of explain: one is of the wrong kind ({})", error.what()));
  }
  return request;
}

std::optional<OptionDifference> first_explain_difference(const ExplainRequest& expected, const ExplainRequest& got) {
  const std::vector<NamedOption> a = named_explain_options(expected), b = named_explain_options(got);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::ranges::find(kGrowing, a[i].first) != kGrowing.end()) continue;
    if (a[i].second != b[i].second) return OptionDifference{a[i].first, a[i].second, b[i].second};
  }
  return std::nullopt;
}

}  // namespace sinkscope
