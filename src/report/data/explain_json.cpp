#include "report/data/explain_json.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/index.h"
#include "base/json_writer.h"
#include "report/data/explain_map_json.h"
#include "report/data/explain_norm_json.h"
#include "report/data/field_json.h"
#include "report/data/model_json.h"
#include "report/data/number_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_options(JsonWriter& json, const ExplainRequest& request) {
  json.key("options").open_object(kLines);
  json.key("kinds").open_array(kInline);
  for (const SinkKind kind : request.kinds) json.value(name_of(kind));
  json.close().key("claims").open_array(kInline);
  if (request.formation) json.value("formation");
  if (request.map) json.value("map");
  if (request.norm) json.value("norm");
  if (request.primary) json.value("primary");
  json.close();
  write_list(json, "layers", request.layers);
  json.key("thresholds").open_object(kLines);
  write_fields(json, kThresholdFields, request.thresholds);
  json.close();
  json.member("min_distance", request.run.min_distance);
  for_each_explain_option(request.options, [&](const char* name, const auto& value) {
    if constexpr (std::is_same_v<decltype(value), const double&>) {
      json.member(name, number(value));
    } else {
      json.member(name, static_cast<std::int64_t>(value));
    }
  });
  json.close();
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
  write_list(json, "far_score", run.far_score);
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
  json.close().key("map").open_array(kLines);
  for (const LayerMap& map : explanation.maps) write_map(json, map);
  json.close().key("norm").open_array(kLines);
  for (std::size_t i = 0; i < explanation.norm.size(); ++i) {
    write_norm(json, explanation.norm[i], explanation.norm_cases[i],
               scores_by_level(explanation.sequences, request.kinds[i]));
  }
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
  json.key("unexplained").open_array(kLines);
  for (const UnexplainedRun& run : explanation.unexplained) {
    json.open_object(kInline).member("sequence", run.sequence).member("position", run.position);
    json.member("l_start", run.l_start).member("l_end", run.l_end).close();
  }
  json.close().member("not_measured", explanation.n_not_measured).key("claims").open_array(kLines);
  for (const Claim& claim : explanation.claims) write_claim(json, claim);
  json.close().close();
  if (!out.flush()) throw Error(ErrorCode::kOutput, "JSON: writing failed; check the free space");
}

}  // namespace sinkscope
