#include "report/data/explain_map_json.h"

#include "report/data/number_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_null(JsonWriter& json, const char* name, const NullDirections& null) {
  json.key(name).open_object(kInline).member("n", null.n).member("hits_frac", number(null.hits_frac));
  json.member("both_signs_frac", number(null.both_signs_frac)).member("cos_p50", number(null.cos_p50));
  json.member("norm_ratio_p50", number(null.norm_ratio_p50)).member("norm_ratio_p99", number(null.norm_ratio_p99));
  json.close();
}

void write_projections(JsonWriter& json, const char* name, const Matrix<float>& rows) {
  json.key(name).open_array(kLines);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    json.open_array(kInline);
    for (const float value : rows.row(i)) json.value(value);
    json.close();
  }
  json.close();
}

void write_discrimination(JsonWriter& json, const char* name, const Discrimination& one) {
  json.key(name).open_object(kInline).member("auc", number(one.auc)).member("null_p50", number(one.null_p50));
  json.member("null_p95", number(one.null_p95)).member("p", number(one.p)).close();
}

}  // namespace

void write_map(JsonWriter& json, const LayerMap& map) {
  json.open_object(kLines).member("kind", name_of(map.kind)).member("layer", map.layer);
  json.member("n_sinks", map.n_sinks).member("n_sequences", map.n_sequences).member("n_controls", map.n_controls);
  json.member("n_ordinary", map.n_ordinary).member("n_directions", static_cast<int>(map.directions.size()));
  json.member("input_norm_median", number(map.input_norm_median));
  write_list(json, "scales", map.scales);
  json.key("directions").open_array(kLines);
  for (const MappedDirection& direction : map.directions) {
    json.open_object(kInline).member("variance", number(direction.variance));
    write_list(json, "norm_ratio", direction.norm_ratio);
    write_list(json, "cos", direction.cos);
    write_list(json, "cos_primary_write", direction.cos_primary_write);
    json.close();
  }
  json.close().member("hits_unit", number(map.hits_unit)).member("hits_typical", number(map.hits_typical));
  json.member("both_signs_unit", number(map.both_signs_unit));
  json.member("both_signs_typical", number(map.both_signs_typical)).key("null").open_object(kLines);
  write_null(json, "isotropic_unit", map.isotropic_unit);
  write_null(json, "isotropic_typical", map.isotropic_typical);
  write_null(json, "ordinary_differences_unit", map.differences_unit);
  write_null(json, "ordinary_differences_typical", map.differences_typical);
  json.close().key("path").open_object(kLines);
  write_list(json, "lambda", map.path.lambda);
  write_list(json, "norm_ratio", map.path.norm_ratio);
  write_list(json, "cos", map.path.cos);
  json.member("half_at", number(map.path.half_at)).close().key("inputs").open_object(kInline);
  json.member("sink_height_p50", number(map.inputs.sink_height_p50));
  json.member("sink_height_min", number(map.inputs.sink_height_min));
  json.member("ordinary_height_p99", number(map.inputs.ordinary_height_p99));
  json.member("ordinary_height_max", number(map.inputs.ordinary_height_max));
  json.member("ordinary_cos_over_98_frac", number(map.inputs.ordinary_cos_over_98_frac)).close();
  json.member("specific", map.specific()).member("generic", map.generic()).key("projections").open_object(kLines);
  write_projections(json, "sinks", map.sink_projections);
  write_projections(json, "controls", map.control_projections);
  json.close().key("decision").open_object(kLines).member("n_sets", map.decision.n_sets);
  json.member("n_sequences", map.decision.n_sequences);
  write_discrimination(json, "state", map.decision.state);
  write_discrimination(json, "attention_write", map.decision.attention_write);
  write_discrimination(json, "mlp_input", map.decision.mlp_input);
  write_discrimination(json, "mlp_write", map.decision.mlp_write);
  json.close().close();
}

}  // namespace sinkscope
