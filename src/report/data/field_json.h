#pragma once

#include <string>
#include <vector>

#include "base/json_writer.h"
#include "sinks/fields.h"

namespace sinkscope {

// Values of fields as JSON.
template <typename Value>
void write_value(JsonWriter& json, const Value& value) {
  json.value(value);
}
inline void write_value(JsonWriter& json, Verdict verdict) { json.value(name_of(verdict)); }
inline void write_value(JsonWriter& json, SinkKind kind) { json.value(name_of(kind)); }
inline void write_value(JsonWriter& json, const std::vector<int>& values) {
  json.open_array(JsonLayout::kInline);
  for (const int value : values) json.value(value);
  json.close();
}
inline void write_value(JsonWriter& json, const LayerFigures& figures) {
  json.open_array(JsonLayout::kInline);
  for (const auto& figure : figures) json.value(figure);
  json.close();
}
inline void write_value(JsonWriter& json, const std::vector<LayerInterval>& intervals) {
  json.open_array(JsonLayout::kInline);
  for (const auto& [first, last] : intervals) json.open_array(JsonLayout::kInline).value(first).value(last).close();
  json.close();
}

// The members of a record, in the order of the list, into an object that is open. Groups are objects of their own.
template <typename Fields, typename Record>
void write_fields(JsonWriter& json, const Fields& fields, const Record& record) {
  for_each_field(fields, [&](const auto& field) {
    json.key(field.name);
    if constexpr (requires { field.fields; }) {
      json.open_object(JsonLayout::kInline);
      write_fields(json, field.fields, record.*field.member);
      json.close();
    } else {
      write_value(json, record.*field.member);
    }
  });
}

}  // namespace sinkscope
