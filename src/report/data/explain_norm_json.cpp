#include "report/data/explain_norm_json.h"

#include <cmath>

#include "report/data/number_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_survival(JsonWriter& json, const SurvivalGroup& group) {
  json.open_object(kInline).member("norm_ratio_min", number(group.norm_ratio_min));
  json.member("norm_ratio_max", number(group.norm_ratio_max)).member("n", group.n).member("ends_seen", group.ended);
  json.key("steps").open_array(kInline);
  for (const SurvivalStep& step : group.steps) {
    json.open_object(kInline).member("time", number(step.time)).member("at_risk", step.at_risk);
    json.member("ended", step.ended).member("survival", number(step.survival)).close();
  }
  json.close().close();
}

void write_level(JsonWriter& json, const LevelScores& level) {
  json.open_object(kInline).member("l_start", level.l_start).member("l_end", level.l_end).member("n", level.n);
  write_list(json, "score_p50", level.score_p50);
  write_list(json, "score_p05", level.score_p05);
  write_list(json, "score_p95", level.score_p95);
  json.close();
}

void write_case(JsonWriter& json, const NormCase& one) {
  json.open_object(kInline).member("sequence", one.sequence).member("position", one.position);
  json.member("token_id", one.token).member("l_start", one.l_start);
  json.member("norm_ratio", number(std::exp(one.log_norm_ratio))).member("block", one.block);
  json.member("logit_gap", number(one.gap)).member("far_score", number(one.far_score));
  json.member("mlp_norm_ratio", number(one.mlp_norm_ratio)).member("read_alignment", number(one.read_alignment));
  json.key("attention_lifetime");
  one.attention_lifetime ? json.value(number(one.attention_lifetime->time)) : json.null();
  json.key("ended");
  one.attention_lifetime ? json.value(one.attention_lifetime->ended) : json.null();
  json.member("beyond_dilution", one.beyond_dilution).close();
}

}  // namespace

void write_norm(JsonWriter& json, const NormFigures& norm, std::span<const NormCase> cases,
                std::span<const LevelScores> levels) {
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
  json.member("within_one_frac", number(lifetime.within_one_frac)).close();
  json.key("survival").open_array(kLines);
  for (const SurvivalGroup& group : survival_by_norm(cases)) write_survival(json, group);
  json.close().key("levels").open_array(kLines);
  for (const LevelScores& level : levels) write_level(json, level);
  json.close().key("cases").open_array(kLines);
  for (const NormCase& one : cases) write_case(json, one);
  json.close().close();
}

}  // namespace sinkscope
