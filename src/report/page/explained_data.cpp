#include "report/page/explained_data.h"

#include <optional>
#include <string>
#include <vector>

#include "report/explain_charts.h"
#include "report/page/chart_data.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_claim(JsonWriter& json, const Claim& claim) {
  json.open_object(kInline).member("claim", claim.claim).member("kind", claim.kind);
  json.member("verdict", name_of(claim.verdict)).member("sentence", claim.sentence);
  json.member("effect", drawn_number(claim.effect)).member("unit", claim.unit).key("interval_95");
  if (claim.interval_95) {
    json.open_array(kInline).value(drawn_number(claim.interval_95->low)).value(drawn_number(claim.interval_95->high)).close();
  } else {
    json.null();
  }
  json.member("p", drawn_number(claim.p)).member("null", drawn_number(claim.null)).member("n_sinks", claim.n_sinks);
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
