#include "report/data/diff_json.h"

#include <ostream>
#include <utility>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/field_json.h"
#include "report/data/model_json.h"
#include "report/data/number_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_figure(JsonWriter& json, const FigureChange& figure) {
  json.open_object(kInline).member("figure", figure.name).member("change", figure.is_ratio ? "ratio" : "difference");
  json.member("n", figure.n).member("median", number(figure.median)).member("p05", number(figure.p05));
  json.member("p95", number(figure.p95));
  write_interval(json, "median_interval_95", figure.median_interval_95);
  json.close();
}

void write_comparison(JsonWriter& json, const ComparedScans& scans) {
  const Comparison& all = scans.comparison;
  json.key("sinks").open_object(kInline).member("before", all.n_before).member("after", all.n_after);
  json.member("kept", all.n_kept).member("moved", all.n_moved).member("lost", all.n_lost);
  json.member("gained", all.n_gained).member("marginal", all.n_marginal).member("other_kind", all.n_other_kind).close();
  json.key("documents").open_object(kInline).member("both", all.n_documents).member("only_before", scans.only_before);
  json.member("only_after", scans.only_after).member("with_sinks", all.n_with_sinks);
  json.member("other_primary", all.n_other_primary).member("other_birth", all.n_other_birth).close();
  json.member("jaccard", number(all.jaccard));
  write_interval(json, "jaccard_interval_95", all.jaccard_interval_95);
  json.key("figures").open_array(kLines);
  for (const FigureChange& figure : all.figures) write_figure(json, figure);
  json.close();
}

void write_side(JsonWriter& json, const char* name, const std::optional<Run>& run) {
  json.key(name);
  if (!run) {
    json.null();
    return;
  }
  json.open_object(kInline).member("kind", name_of(run->kind)).member("l_start", run->l_start);
  json.member("l_end", run->l_end).member("far_boost_median", run->far_boost_median);
  json.member("far_z_median", run->far_z_median);
  json.member("norm_ratio_median", run->norm_ratio_median).member("logit_gap", run->logit_gap);
  json.member("score_mean", run->score_mean).member("margin", run->margin).close();
}

void write_document(JsonWriter& json, const ComparedDocument& document) {
  const DocumentChanges& changes = document.changes;
  json.open_object(kLines).text_member("id", document.id).member("document_offset", document.document_offset);
  json.member("n_tokens", document.n_tokens);
  json.member("primary_before", changes.primary_before).member("primary_after", changes.primary_after);
  json.member("birth_before", changes.birth_before).member("birth_after", changes.birth_after);
  json.key("sinks").open_array(kLines);
  for (std::size_t i = 0; i < changes.sinks.size(); ++i) {
    const SinkChange& sink = changes.sinks[i];
    json.open_object(kInline).member("position", sink.position).text_member("text", document.tokens[i]);
    json.member("fate", name_of(sink.fate)).member("other_kind", sink.other_kind).member("marginal", sink.marginal);
    write_side(json, "before", sink.before);
    write_side(json, "after", sink.after);
    json.close();
  }
  json.close().close();
}

}  // namespace

void write_diff_json(const ComparedScans& scans, const Thresholds& thresholds, std::ostream& out) {
  JsonWriter json(out);
  json.open_object(kLines).member("schema", "sinkscope.diff/1").key("models").open_object(kLines);
  for (const auto& [name, model] : {std::pair("before", &scans.before), std::pair("after", &scans.after)}) {
    json.key(name).open_object(kInline).text_member("name", model->facts.name);
    json.text_member("type", model->facts.type).member("sha256", model->sha256).close();
  }
  json.close().key("thresholds").open_object(kLines);
  write_fields(json, kThresholdFields, thresholds);
  json.close().key("options").open_array(kLines);
  for (const OptionDifference& option : scans.options) {
    json.open_object(kInline).member("name", option.name).key("before").raw(option.expected);
    json.key("after").raw(option.got).close();
  }
  json.close();
  write_comparison(json, scans);
  json.key("sequences").open_array(kLines);
  for (const ComparedDocument& document : scans.documents) write_document(json, document);
  json.close().close();
  if (!out.flush()) throw Error(ErrorCode::kOutput, "JSON: writing failed; check the free space");
}

}  // namespace sinkscope
