#include "api/thresholds.h"

#include <cmath>
#include <sstream>
#include <type_traits>

#include "base/error.h"
#include "sinks/fields.h"

namespace sinkscope {

std::vector<ThresholdInfo> threshold_infos() {
  std::vector<ThresholdInfo> infos;
  const Thresholds defaults;
  for_each_field(kThresholdFields, [&](const auto& field) {
    const auto value = defaults.*field.member;
    infos.push_back({std::string(field.name), std::string(field.help), std::is_integral_v<decltype(field.least)>,
                     static_cast<double>(value), static_cast<double>(field.least), static_cast<double>(field.most)});
  });
  return infos;
}

Thresholds thresholds_from(std::span<const std::pair<std::string, double>> changes) {
  Thresholds thresholds;
  for (const auto& [name, value] : changes) {
    bool found = false;
    for_each_field(kThresholdFields, [&](const auto& field) {
      if (field.name != name) return;
      found = true;
      using Value = std::remove_cvref_t<decltype(field.least)>;
      const bool is_whole = !std::is_integral_v<Value> || value == std::floor(value);
      if (!(value >= static_cast<double>(field.least) && value <= static_cast<double>(field.most)) || !is_whole) {
        std::ostringstream message;
        message << name << ": expected a " << (std::is_integral_v<Value> ? "whole number" : "number") << " from "
                << field.least << " to " << field.most << ", got " << value;
        throw Error(ErrorCode::kUsage, message.str());
      }
      thresholds.*field.member = static_cast<Value>(value);
    });
    if (found) continue;
    std::string names;
    for (const ThresholdInfo& info : threshold_infos()) names += (names.empty() ? "" : ", ") + info.name;
    throw Error(ErrorCode::kUsage, "thresholds: expected some of " + names + "; got '" + name + "'");
  }
  return thresholds;
}

}  // namespace sinkscope
