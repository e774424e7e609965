#include "report/page/chart_data.h"

#include <string>
#include <vector>

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_numbers(JsonWriter& json, const char* name, const std::vector<std::optional<double>>& values) {
  json.key(name).open_array(kInline);
  for (const auto& value : values) json.value(drawn_number(value));
  json.close();
}

void write_names(JsonWriter& json, const char* name, const std::vector<std::string>& names) {
  json.key(name).open_array(kInline);
  for (const std::string& one : names) json.value(one);
  json.close();
}

void write_axis(JsonWriter& json, const char* name, const ChartAxis& axis) {
  json.key(name).open_object(kInline).member("title", axis.title).member("low", drawn_number(axis.low));
  json.member("high", drawn_number(axis.high)).member("logarithmic", axis.logarithmic).member("n_layers", axis.n_layers);
  write_names(json, "names", axis.names);
  json.close();
}

}  // namespace

std::optional<float> drawn_number(const std::optional<double>& value) {
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

void write_chart(JsonWriter& json, const Chart& chart, std::string_view page) {
  json.open_object(kInline).member("id", chart.id).member("page", page).member("title", chart.title);
  json.member("question", chart.question).key("panels").open_array(kInline);
  for (const ChartPanel& panel : chart.panels) {
    json.open_object(kInline).member("title", panel.title);
    write_axis(json, "x", panel.x);
    write_axis(json, "y", panel.y);
    json.key("series").open_array(kInline);
    for (const ChartSeries& series : panel.series) {
      json.open_object(kInline).member("name", series.name).member("form", name_of(series.form));
      json.member("role", series.role);
      write_numbers(json, "x", {series.x.begin(), series.x.end()});
      write_numbers(json, "y", series.y);
      write_numbers(json, "low", series.low);
      write_names(json, "says", series.says);
      json.close();
    }
    json.close().close();
  }
  json.close().close();
}

}  // namespace sinkscope
