#include "report/page/explained_data.h"

#include <optional>
#include <string>
#include <vector>

#include "report/explain_charts.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

// Places and heights are drawn to a tenth of a pixel: float32 is enough.
std::optional<float> number(const std::optional<double>& value) {
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

void write_numbers(JsonWriter& json, const char* name, const std::vector<std::optional<double>>& values) {
  json.key(name).open_array(kInline);
  for (const auto& value : values) json.value(number(value));
  json.close();
}

void write_names(JsonWriter& json, const char* name, const std::vector<std::string>& names) {
  json.key(name).open_array(kInline);
  for (const std::string& one : names) json.value(one);
  json.close();
}

void write_axis(JsonWriter& json, const char* name, const ChartAxis& axis) {
  json.key(name).open_object(kInline).member("title", axis.title).member("low", number(axis.low));
  json.member("high", number(axis.high)).member("logarithmic", axis.logarithmic).member("n_layers", axis.n_layers);
  write_names(json, "names", axis.names);
  json.close();
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

void write_claim(JsonWriter& json, const Claim& claim) {
  json.open_object(kInline).member("claim", claim.claim).member("kind", claim.kind);
  json.member("verdict", name_of(claim.verdict)).member("sentence", claim.sentence);
  json.member("effect", number(claim.effect)).member("unit", claim.unit).key("interval_95");
  if (claim.interval_95) {
    json.open_array(kInline).value(number(claim.interval_95->low)).value(number(claim.interval_95->high)).close();
  } else {
    json.null();
  }
  json.member("p", number(claim.p)).member("null", number(claim.null)).member("n_sinks", claim.n_sinks);
  json.member("n_sequences", claim.n_sequences).close();
}

}  // namespace

void write_explained(JsonWriter& json, const ScanFile& file, Rule rule, const ReportOptions& options) {
  json.key("explained");
  const auto explained = rule == Rule::kEvidence ? explained_of(file, options.thresholds) : std::nullopt;
  if (!explained) {
    json.null();
    return;
  }
  json.open_object(kInline).key("claims").open_array(kInline);
  for (const Claim& claim : explained->explanation.claims) write_claim(json, claim);
  json.close().key("charts").open_array(kInline);
  for (const ExplainChart& chart : explain_charts()) {
    write_chart(json, explain_chart(chart.id, file, *explained), chart.page);
  }
  json.close().close();
}

}  // namespace sinkscope
