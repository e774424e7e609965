#pragma once

#include <optional>
#include <vector>

#include "base/json_writer.h"
#include "base/statistics/intervals.h"
#include "report/data/field_json.h"

namespace sinkscope {

// The writer's numbers are float32, whose digits are enough for what is measured.
inline float number(double value) { return static_cast<float>(value); }
inline std::optional<float> number(const std::optional<double>& value) {
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

inline void write_list(JsonWriter& json, const char* name, const std::vector<float>& values) {
  json.key(name).open_array(JsonLayout::kInline);
  for (const float value : values) json.value(value);
  json.close();
}
inline void write_list(JsonWriter& json, const char* name, const std::vector<double>& values) {
  json.key(name).open_array(JsonLayout::kInline);
  for (const double value : values) json.value(number(value));
  json.close();
}
inline void write_list(JsonWriter& json, const char* name, const std::vector<std::optional<double>>& values) {
  json.key(name).open_array(JsonLayout::kInline);
  for (const auto& value : values) json.value(number(value));
  json.close();
}
inline void write_list(JsonWriter& json, const char* name, const std::vector<int>& values) {
  json.key(name);
  write_value(json, values);
}
inline void write_list(JsonWriter& json, const char* name, const LayerFigures& values) {
  json.key(name);
  write_value(json, values);
}

inline void write_interval(JsonWriter& json, const char* name, const std::optional<Interval>& interval) {
  json.key(name);
  if (!interval) {
    json.null();
  } else {
    json.open_array(JsonLayout::kInline).value(number(interval->low)).value(number(interval->high)).close();
  }
}

}  // namespace sinkscope
