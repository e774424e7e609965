#include "report/data/ablate_json.h"

#include <ostream>
#include <string>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/field_json.h"
#include "report/data/model_json.h"
#include "report/data/number_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_options(JsonWriter& json, const AblateRequest& request) {
  json.key("options").open_object(kLines).key("how").open_array(kInline);
  for (const EditHow& how : request.edits) json.value(word_of(how));
  json.close().key("sinks");
  request.named ? json.value("listed") : json.value(name_of(request.selection));
  json.member("draws", request.n_draws).member("seed", static_cast<std::int64_t>(request.seed));
  json.member("documents", request.max_documents).member("min_distance", request.run.min_distance);
  json.member("min_queries", kMinEffectQueries).member("most_mass", number(kMostMass));
  json.member("primary_head_attention", number(kPrimaryHeadAttention));
  json.member("score_margin", number(request.score_margin));
  json.member("log_odds_margin", number(request.log_odds_margin));
  json.member("loss", request.loss).member("token_margin", number(request.token_margin));
  json.member("min_documents", request.min_documents).member("replaced_share", number(request.replaced_share));
  json.member("n_resamples", request.n_resamples).key("thresholds").open_object(kLines);
  write_fields(json, kThresholdFields, request.thresholds);
  json.close().close();
}

void write_logs(JsonWriter& json, const std::optional<LogChanges>& logs) {
  const auto member = [&](const char* name, double LogChanges::*of) {
    json.member(name, logs ? std::optional(number(*logs.*of)) : std::nullopt);
  };
  member("competition_score", &LogChanges::competition_score);
  member("log_a", &LogChanges::log_a);
  member("own_logit", &LogChanges::own_logit);
  member("competition", &LogChanges::competition);
  member("other_keys", &LogChanges::other_keys);
  member("log_odds", &LogChanges::log_odds);
}

void write_effect(JsonWriter& json, const std::optional<BlockEffect>& effect) {
  if (!effect) {
    json.null();
    return;
  }
  json.open_object(kInline).member("score", number(effect->score));
  write_logs(json, effect->logs);
  json.member("removed_mass", number(effect->removed_mass)).member("replaced_mass", number(effect->replaced_mass));
  json.member("left_out", effect->left_out).key("primary_heads").open_object(kInline);
  json.member("n", effect->n_primary_heads).member("score", number(effect->primary_heads_score));
  write_logs(json, effect->primary_heads);
  json.close();
  write_list(json, "score_by_head", effect->score_by_head);
  json.close();
}

void write_block(JsonWriter& json, const SequenceAblation& sequence, std::size_t b) {
  const BlockBase& base = sequence.base[b];
  json.open_object(kLines).member("block", static_cast<int>(b)).member("queries", base.n_queries).key("base");
  if (!base.figures) {
    json.null();
  } else {
    const PrimaryFigures& figures = *base.figures;
    json.open_object(kInline).member("score", number(figures.score)).member("log_a", number(figures.log_a));
    json.member("logit", number(figures.logit)).member("log_z", number(figures.log_z));
    json.member("removed_mass", number(figures.removed_mass)).member("log_odds", number(figures.log_odds)).close();
  }
  json.key("removed");
  write_effect(json, sequence.edited.blocks[b]);
  json.key("placebo").open_array(kLines);
  for (const EditedRun& draw : sequence.placebo_runs) write_effect(json, draw.blocks[b]);
  json.close().close();
}

void write_downstream(JsonWriter& json, const Downstream& downstream) {
  json.key("downstream").open_object(kInline).member("n", downstream.n).key("layers").open_array(kInline);
  for (const StateChange& layer : downstream.layers) {
    json.open_object(kInline).member("norm", number(layer.norm)).member("cosine", number(layer.cosine)).close();
  }
  json.close().close();
}

void write_tokens(JsonWriter& json, const EditedRun& run) {
  const std::optional<TokenEffect>& tokens = run.tokens;
  if (!tokens) {
    json.null();
    return;
  }
  const auto measured = [&](double value) { return tokens->n > 0 ? std::optional(number(value)) : std::nullopt; };
  json.open_object(kInline).member("n", tokens->n).member("loss_base", measured(tokens->loss_base));
  json.member("loss", measured(tokens->loss)).member("kl", measured(tokens->kl)).key("by_distance").open_array(kInline);
  for (const DistanceEffect& at : tokens->by_distance) {
    json.open_object(kInline).member("first", at.first).member("last", at.last).member("n", at.n);
    json.member("loss", number(at.loss)).member("kl", number(at.kl)).close();
  }
  json.close();
  write_downstream(json, *run.downstream);
  json.close();
}

void write_detection(JsonWriter& json, const EditedDetection& detection) {
  json.member("primary", detection.primary);
  write_list(json, "new_sinks", detection.new_sinks);
  write_list(json, "lost_sinks", detection.lost_sinks);
}

void write_sequence(JsonWriter& json, const SequenceAblation& sequence) {
  json.open_object(kLines).member("sequence", sequence.ordinal).text_member("id", sequence.id);
  json.member("chunk", sequence.chunk).member("document", sequence.key).member("n_tokens", sequence.n_tokens);
  json.member("primary", sequence.primary).key("removed").open_array(kLines);
  for (const RemovedToken& token : sequence.removed) {
    json.open_object(kInline).member("position", token.position).member("l_start", token.l_start);
    json.member("l_end", token.l_end).key("kind");
    token.kind ? json.value(name_of(*token.kind)) : json.null();
    json.close();
  }
  json.close().key("placebo").open_array(kLines);
  for (const std::vector<RemovedToken>& draw : sequence.placebo.draws) {
    json.open_array(kInline);
    for (const RemovedToken& token : draw) json.value(token.position);
    json.close();
  }
  json.close().member("placebo_distance", sequence.placebo.max_distance).key("edited").open_object(kInline);
  write_detection(json, sequence.edited.detection);
  json.close().key("placebo_edited").open_array(kLines);
  for (const EditedRun& draw : sequence.placebo_runs) {
    json.open_object(kInline);
    write_detection(json, draw.detection);
    json.close();
  }
  json.close().key("blocks").open_array(kLines);
  for (std::size_t b = 0; b < sequence.base.size(); ++b) write_block(json, sequence, b);
  json.close().key("tokens").open_object(kLines).key("removed");
  write_tokens(json, sequence.edited);
  json.key("placebo").open_array(kLines);
  for (const EditedRun& draw : sequence.placebo_runs) write_tokens(json, draw);
  json.close().close().close();
}

void write_judged_effect(JsonWriter& json, const AblationEffect& effect) {
  json.open_object(kInline).member("how", word_of(effect.how)).member("quantity", effect.quantity);
  json.member("block", effect.block).member("distance", effect.distance).member("removed", number(effect.removed));
  json.member("placebo", number(effect.placebo)).member("difference", number(effect.difference));
  write_interval(json, "interval", effect.interval);
  json.member("p", number(effect.p)).member("q", number(effect.q)).member("n_documents", effect.n_documents).close();
}

void write_verdict(JsonWriter& json, const JudgedEdit& edit, const AblateRequest& request) {
  json.open_object(kLines).member("how", word_of(edit.how)).member("about", "primary");
  json.member("verdict", name_of(edit.verdict)).member("difference", number(edit.score.difference));
  write_interval(json, "interval", edit.score.interval);
  json.member("margin", number(request.score_margin));
  json.member("log_odds", number(edit.log_odds.difference));
  write_interval(json, "log_odds_interval", edit.log_odds.interval);
  json.member("log_odds_margin", number(request.log_odds_margin)).member("n_documents", edit.n_documents);
  json.member("documents_with_new_sinks", edit.n_replaced).member("new_sinks", edit.n_new_sinks);
  json.member("new_sinks_of_placebo", edit.n_new_placebo_sinks).member("replaced_mass", number(edit.replaced_mass));
  json.member("reason", edit.reason).close();
  if (!edit.tokens_verdict) return;
  json.open_object(kLines).member("how", word_of(edit.how)).member("about", "tokens");
  json.member("verdict", name_of(*edit.tokens_verdict)).member("difference", number(edit.loss->difference));
  write_interval(json, "interval", edit.loss->interval);
  json.member("margin", number(request.token_margin)).member("kl", number(edit.kl->difference));
  write_interval(json, "kl_interval", edit.kl->interval);
  json.member("n_documents", edit.loss->n_documents).member("reason", edit.tokens_reason).close();
}

}  // namespace

void write_ablate_json(const ModelRecord& model, const Ablation& ablation, const JudgedAblation& judged,
                       const AblateRequest& request, std::ostream& out) {
  JsonWriter json(out);
  json.open_object(kLines).member("schema", "sinkscope.ablate/1");
  write_model(json, model);
  write_options(json, request);
  json.key("edits").open_array(kLines);
  for (std::size_t i = 0; i < request.edits.size(); ++i) {
    json.open_object(kLines).member("how", word_of(request.edits[i]));
    json.member("layers", layers_word_of(request.edits[i])).key("sequences").open_array(kLines);
    for (const SequenceAblation& sequence : ablation.edits[i]) write_sequence(json, sequence);
    json.close().close();
  }
  json.close().member("sequences_without", ablation.n_without).key("effects").open_array(kLines);
  for (const AblationEffect& effect : judged.effects) write_judged_effect(json, effect);
  json.close().key("verdicts").open_array(kLines);
  for (const JudgedEdit& edit : judged.verdicts) write_verdict(json, edit, request);
  json.close().close();
  if (!out) throw Error(ErrorCode::kOutput, "ablate: the output could not be written");
}

}  // namespace sinkscope
