#include "report/data/explain_json.h"

#include <ostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/index.h"
#include "base/json_writer.h"
#include "report/data/field_json.h"
#include "report/data/model_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

// The writer's numbers are float32, whose digits are enough for what is measured.
float number(double value) { return static_cast<float>(value); }
std::optional<float> number(const std::optional<double>& value) {
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

void write_list(JsonWriter& json, const char* name, const std::vector<float>& values) {
  json.key(name).open_array(kInline);
  for (const float value : values) json.value(value);
  json.close();
}
void write_list(JsonWriter& json, const char* name, const std::vector<double>& values) {
  json.key(name).open_array(kInline);
  for (const double value : values) json.value(number(value));
  json.close();
}
void write_list(JsonWriter& json, const char* name, const std::vector<std::optional<double>>& values) {
  json.key(name).open_array(kInline);
  for (const auto& value : values) json.value(number(value));
  json.close();
}
void write_list(JsonWriter& json, const char* name, const std::vector<int>& values) {
  json.key(name);
  write_value(json, values);
}
void write_list(JsonWriter& json, const char* name, const LayerFigures& values) {
  json.key(name);
  write_value(json, values);
}

void write_interval(JsonWriter& json, const char* name, const std::optional<Interval>& interval) {
  json.key(name);
  if (!interval) {
    json.null();
  } else {
    json.open_array(kInline).value(number(interval->low)).value(number(interval->high)).close();
  }
}

void write_options(JsonWriter& json, const ExplainRequest& request) {
  const ExplainOptions& o = request.options;
  json.key("options").open_object(kLines);
  json.key("kinds").open_array(kInline);
  for (const SinkKind kind : request.kinds) json.value(name_of(kind));
  json.close().key("claims").open_array(kInline);
  if (request.formation) json.value("formation");
  if (request.norm) json.value("norm");
  if (request.primary) json.value("primary");
  json.close();
  write_list(json, "layers", request.layers);
  json.key("thresholds").open_object(kLines);
  write_fields(json, kThresholdFields, request.thresholds);
  json.close();
  json.member("min_distance", request.run.min_distance);
  json.member("first_ordinary", o.first_ordinary).member("n_controls", o.n_controls);
  json.member("min_same_token", o.min_same_token).member("min_mlp_share", number(o.min_mlp_share));
  json.member("reach_share", number(o.reach_share)).member("max_parts", o.max_parts);
  json.member("min_excess", number(o.min_excess)).member("min_excess_cos", number(o.min_excess_cos));
  json.member("max_rank_p", number(o.max_rank_p)).member("min_ranked", o.min_ranked);
  json.member("n_largest", o.n_largest).member("n_neurons", o.n_neurons);
  json.member("edit_sinks", o.edit_sinks).member("tokens_after", o.tokens_after).member("min_tokens", o.min_tokens);
  json.member("together_share", number(o.together_share)).member("removed_boost", number(o.removed_boost));
  json.member("removed_kept", number(o.removed_kept)).member("n_edit_layers", o.n_edit_layers);
  json.member("end_norm_ratio", number(o.end_norm_ratio)).member("end_alignment", number(o.end_alignment));
  json.member("end_primary_kept", number(o.end_primary_kept)).member("named_height", number(o.named_height));
  json.member("discovery", number(o.discovery)).member("max_placebo", number(o.max_placebo));
  json.member("max_p", number(o.max_p)).member("primary_p", number(o.primary_p));
  json.member("min_sinks", o.min_sinks).member("min_sequences", o.min_sequences).member("min_edited", o.min_edited);
  json.member("min_norm_runs", o.min_norm_runs).member("min_norm_sequences", o.min_norm_sequences);
  json.member("min_token_runs", o.min_token_runs).member("min_ends", o.min_ends).member("min_span", o.min_span);
  json.member("profile_blocks", o.profile_blocks).member("n_permutations", o.n_permutations);
  json.member("n_bootstraps", o.n_bootstraps).member("n_permuted_axes", o.n_permuted_axes);
  json.member("n_pretended", o.n_pretended).member("seed", static_cast<std::int64_t>(o.seed)).close();
}

void write_parts(JsonWriter& json, const char* name, const std::optional<PartExcess>& excess, bool with_shares) {
  json.key(name);
  if (!excess) {
    json.null();
    return;
  }
  json.open_object(kLines).member("layer", excess->layer).member("total", number(excess->total));
  json.member("control_total", number(excess->control_total)).member("embedding", number(excess->excess.embedding));
  write_list(json, "attention", excess->excess.attention);
  write_list(json, "mlp", excess->excess.mlp);
  if (with_shares) {
    json.member("excess", number(excess->sum)).member("cancellation", number(excess->cancellation));
    json.member("mlp_share", number(excess->mlp_share)).member("parts_for_80", excess->parts_for_80);
    json.key("largest").open_array(kLines);
    for (const LargestPart& part : excess->largest) {
      json.open_object(kInline).member("part", name_of(part.part.kind)).key("layer");
      part.part.layer < 0 ? json.null() : json.value(part.part.layer);
      json.member("share", number(part.share)).member("excess", number(part.excess)).close();
    }
    json.close().member("cos", number(excess->cos)).member("excess_cos", number(excess->excess_cos));
    json.member("rank_p", number(excess->rank_p));
  }
  json.close();
}

void write_neurons(JsonWriter& json, const RunExplanation& run) {
  json.key("neurons");
  if (!run.neurons) {
    json.null();
  } else {
    json.open_object(kLines).member("layer", run.neurons->layer).member("sum", number(run.neurons->sum));
    json.member("for_half", run.neurons->for_half).key("list").open_array(kLines);
    for (const Neuron& neuron : run.neurons->list) {
      json.open_object(kInline).member("neuron", neuron.neuron).member("expert", neuron.expert);
      json.member("share", number(neuron.share)).member("height", number(neuron.height));
      json.member("control_height", number(neuron.control_height));
      json.member("primary_height", number(neuron.primary_height)).member("down_cos", number(neuron.down_cos)).close();
    }
    json.close().close();
  }
  json.key("like_primary");
  if (!run.like_primary) {
    json.null();
  } else {
    const LikePrimary& like = *run.like_primary;
    json.open_object(kInline).member("layer", like.layer).member("mlp_input", number(like.mlp_input));
    json.member("gate", number(like.gate)).member("up", number(like.up)).member("neurons", number(like.neurons));
    json.member("write", number(like.write)).close();
  }
}

void write_outcome(JsonWriter& json, const EditOutcome& outcome) {
  json.member("far_boost", number(outcome.far_boost)).member("kept", number(outcome.kept)).key("run");
  if (!outcome.run) {
    json.null();
  } else {
    json.open_array(kInline).value(outcome.run->first).value(outcome.run->second).close();
  }
  json.member("removed", outcome.removed);
}

void write_edits(JsonWriter& json, const RunExplanation& run) {
  json.key("edits").open_array(kLines);
  for (const LayerEdit& edit : run.edits) {
    json.open_object(kInline).member("layer", edit.layer).member("placebo", edit.placebo);
    json.member("excess", number(edit.excess)).member("tokens_run", edit.tokens_run);
    json.member("far_boost_before", number(edit.far_boost_before)).key("axis").open_object(kInline);
    write_outcome(json, edit.axis);
    json.close().key("rest");
    if (!edit.rest) {
      json.null();
    } else {
      json.open_object(kInline);
      write_outcome(json, *edit.rest);
      json.close();
    }
    json.close();
  }
  json.close().key("together");
  if (!run.together) {
    json.null();
    return;
  }
  json.open_object(kInline);
  write_list(json, "layers", run.together->layers);
  json.member("far_boost_before", number(run.together->far_boost_before));
  write_outcome(json, run.together->outcome);
  json.close();
}

void write_run(JsonWriter& json, const ScanFile& file, const RunExplanation& run) {
  json.open_object(kLines).member("position", run.run.position).member("token_id", run.token);
  json.text_member("text", file.token_bytes(run.token)).member("run_index", run.run.run_index);
  json.member("verdict", name_of(run.run.verdict)).member("kind", name_of(run.run.kind));
  json.member("l_start", run.run.l_start).member("l_end", run.run.l_end).member("l_peak", run.l_peak);
  json.member("norm_ratio", run.norm_ratio).member("peak_norm_ratio", run.peak_norm_ratio);
  json.member("read_alignment", run.read_alignment).key("controls").open_object(kInline);
  json.member("token", run.controls.same_token ? "same" : "any");
  write_list(json, "positions", run.controls.positions);
  json.member("eligible", run.controls.n_eligible).close();
  write_list(json, "state_axis", run.state_axis);
  write_list(json, "attention_axis", run.attention_axis);
  write_list(json, "mlp_axis", run.mlp_axis);
  write_list(json, "mlp_cos", run.mlp_cos);
  write_list(json, "mlp_norm_ratio", run.mlp_norm_ratio);
  write_list(json, "control_state_axis", run.control_state_axis);
  write_list(json, "control_attention_axis", run.control_attention_axis);
  write_list(json, "control_mlp_axis", run.control_mlp_axis);
  write_list(json, "logit_gap", run.logit_gap);
  write_list(json, "far_boost", run.far_boost);
  write_parts(json, "start", run.start, true);
  write_parts(json, "peak", run.peak, true);
  write_parts(json, "start_read", run.start_read, false);
  json.member("formed", run.formed);
  write_neurons(json, run);
  json.key("end").open_object(kInline).member("cause", name_of(run.end.cause));
  json.member("height_kept", number(run.end.height_kept));
  json.member("primary_height_kept", number(run.end.primary_height_kept));
  json.member("diluted_l_end", run.end.diluted_l_end).close();
  write_edits(json, run);
  json.close();
}

void write_sequence(JsonWriter& json, const ScanFile& file, const SequenceExplanation& sequence) {
  const StoredDocument document = file.document(sequence.ordinal);
  const Origin& origin = document.origins.at(0);
  json.open_object(kLines).text_member("id", origin.id).member("chunk", origin.chunk);
  json.member("document_offset", origin.document_offset).member("n_tokens", sequence.n_tokens);
  const PrimaryExplanation& primary = sequence.primary;
  json.key("primary").open_object(kLines).member("position", primary.position);
  json.member("birth_layer", primary.birth_layer);
  write_list(json, "norm_ratio", primary.norm_ratio);
  write_list(json, "mlp_axis", primary.mlp_axis);
  write_list(json, "attention_axis", primary.attention_axis);
  write_list(json, "axis_cosine", primary.axis_cosine);
  write_list(json, "far_score", primary.far_score);
  write_list(json, "far_boost", primary.far_boost);
  write_list(json, "heads_over_03", primary.heads_over_03);
  write_list(json, "value_norm_ratio", primary.value_norm_ratio);
  const OrdinaryHeights& ordinary = sequence.ordinary;
  json.close().key("ordinary").open_object(kLines).member("n", ordinary.n);
  write_list(json, "norm", ordinary.norm);
  write_list(json, "state_axis_p50", ordinary.state_axis_p50);
  write_list(json, "mlp_axis_p50", ordinary.mlp_axis_p50);
  write_list(json, "mlp_axis_p99", ordinary.mlp_axis_p99);
  write_list(json, "attention_axis_p50", ordinary.attention_axis_p50);
  write_list(json, "attention_axis_p99", ordinary.attention_axis_p99);
  json.close().key("runs").open_array(kLines);
  for (const RunExplanation& run : sequence.runs) write_run(json, file, run);
  json.close().close();
}

void write_norm(JsonWriter& json, const NormFigures& norm) {
  json.open_object(kLines).member("kind", norm.kind).member("n", norm.n).member("n_sequences", norm.n_sequences);
  write_list(json, "blocks", norm.blocks);
  json.member("spearman_gap", number(norm.spearman_gap)).member("spearman_score", number(norm.spearman_score));
  json.member("partial_gap", number(norm.partial_gap));
  json.member("partial_gap_within_token", number(norm.partial_gap_within_token));
  json.member("partial_score", number(norm.partial_score));
  json.member("partial_gap_of_write", number(norm.partial_gap_of_write));
  write_interval(json, "interval_95", norm.interval_95);
  json.member("p", number(norm.p)).member("r2_log", number(norm.r2_log)).member("slope_log", number(norm.slope_log));
  json.member("r2_inverse", number(norm.r2_inverse)).member("gap_at_infinity", number(norm.gap_at_infinity));
  json.member("slope_inverse", number(norm.slope_inverse));
  json.member("r2_read_alignment", number(norm.r2_read_alignment)).member("r2_position", number(norm.r2_position));
  const LifetimeFigures& lifetime = norm.lifetime;
  json.key("lifetime").open_object(kInline).member("n", lifetime.n).member("ends_seen", lifetime.ends_seen);
  json.member("c", number(lifetime.c));
  write_interval(json, "interval_95", lifetime.interval_95);
  json.member("dilution_median", number(lifetime.dilution_median));
  json.member("within_one_frac", number(lifetime.within_one_frac)).close().close();
}

void write_layers(JsonWriter& json, const LayerFindings& findings) {
  json.open_object(kLines).member("kind", name_of(findings.kind)).key("layers").open_array(kLines);
  for (const LayerEffect& layer : findings.layers) {
    json.open_object(kInline).member("layer", layer.layer).member("mean", number(layer.mean));
    json.member("p", number(layer.p)).member("q", number(layer.q)).key("effect");
    layer.effect.empty() ? json.null() : json.value(layer.effect);
    json.close();
  }
  const FormationNull& null = findings.null;
  json.close().key("null").open_object(kInline).member("n_pretended", null.n_pretended);
  json.member("pretended_formed", null.pretended_formed).member("n_permuted", null.n_permuted);
  json.member("permuted_formed", null.permuted_formed);
  write_list(json, "pretended_excess", null.pretended_excess);
  write_list(json, "permuted_excess", null.permuted_excess);
  json.close().close();
}

void write_claim(JsonWriter& json, const Claim& claim) {
  json.open_object(kInline).member("claim", claim.claim).member("kind", claim.kind);
  json.member("verdict", name_of(claim.verdict)).member("sentence", claim.sentence);
  json.member("effect", number(claim.effect)).key("unit");
  claim.unit.empty() ? json.null() : json.value(claim.unit);
  write_interval(json, "interval_95", claim.interval_95);
  json.member("p", number(claim.p)).member("null", number(claim.null)).member("n_sinks", claim.n_sinks);
  json.member("n_sequences", claim.n_sequences).member("needs", claim.needs).close();
}

}  // namespace

void write_explain_json(const ScanFile& file, const Explanation& explanation, const ExplainRequest& request,
                        std::ostream& out) {
  JsonWriter json(out);
  json.open_object(kLines).member("schema", "sinkscope.explain/1");
  write_model(json, file.model());
  write_options(json, request);
  json.key("sequences").open_array(kLines);
  for (const SequenceExplanation& sequence : explanation.sequences) write_sequence(json, file, sequence);
  json.close().key("formation").open_array(kLines);
  for (const LayerFindings& findings : explanation.layers) write_layers(json, findings);
  json.close().key("norm").open_array(kLines);
  for (const NormFigures& norm : explanation.norm) write_norm(json, norm);
  json.close().key("primary");
  if (!request.primary) {
    json.null();
  } else {
    const PrimaryDip& dip = explanation.primary;
    json.open_object(kLines).member("first_block", dip.first_block).member("last_block", dip.last_block);
    write_list(json, "starts", dip.starts);
    write_list(json, "score_median", dip.score_median);
    write_list(json, "score_p05", dip.score_p05);
    write_list(json, "score_p95", dip.score_p95);
    json.member("effect", number(dip.effect)).member("p", number(dip.p)).close();
  }
  json.key("claims").open_array(kLines);
  for (const Claim& claim : explanation.claims) write_claim(json, claim);
  json.close().close();
  if (!out.flush()) throw Error(ErrorCode::kOutput, "JSON: writing failed; check the free space");
}

}  // namespace sinkscope
