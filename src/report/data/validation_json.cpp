#include "report/data/validation_json.h"

#include <nlohmann/json.hpp>

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json spread_json(const std::optional<Spread>& spread) {
  if (!spread) return nullptr;
  return {{"median", spread->median}, {"p05", spread->p05}, {"p95", spread->p95}};
}

Json sink_json(const SinkScore& score) {
  return {{"layer", score.truth.layer},
          {"token_id", score.truth.token},
          {"token", score.truth.token_text},
          {"direction", score.truth.direction},
          {"norm", score.truth.norm},
          {"norm_ratio_asked", or_null(score.truth.norm_ratio)},
          {"norm_ratio_median", or_null(score.norm_ratio)},
          {"places", score.places},
          {"unscored", score.unscored},
          {"found", score.found},
          {"l_start_exact", score.exact},
          {"secondary", score.secondary},
          {"controls", score.controls},
          {"controls_reported", score.controls_reported},
          {"l_start_error_median", or_null(score.l_start_error)},
          {"lifetime_error_median", or_null(score.lifetime_error)},
          {"attention_lifetime_error_median", or_null(score.attention_lifetime_error)},
          {"attention_lifetime_median", or_null(score.attention_lifetime)},
          {"far_boost_median", or_null(score.far_boost)},
          {"logit_gap_median", or_null(score.logit_gap)}};
}

Json total_json(const Validation::Total& total) {
  return {{"places", total.places},          {"found", total.found},
          {"l_start_exact", total.exact},    {"secondary", total.secondary},
          {"recall", or_null(total.recall)}, {"l_start_exact_frac", or_null(total.exact_frac)}};
}

Json primary_json(const std::optional<PrimaryChange>& primary) {
  if (!primary) return nullptr;
  return {{"block", primary->block},
          {"score", primary->score},
          {"score_unplanted", primary->base_score},
          {"fall_frac", primary->fall_frac()},
          {"logit", or_null(primary->logit)},
          {"logit_unplanted", or_null(primary->base_logit)}};
}

Json validation_json(const Validation& validation) {
  Json json = {{"schema", "sinkscope.validation/1"},
               {"texts", {{"n_sequences", validation.n_sequences}, {"n_tokens", validation.n_tokens}}},
               {"all", total_json(validation.all)},
               {"strong", total_json(validation.strong)},
               {"reported", validation.reported},
               {"correct", validation.correct},
               {"spilled", validation.spilled},
               {"natural", validation.natural},
               {"precision", or_null(validation.precision)},
               {"token_precision", or_null(validation.token_precision)},
               {"spearman_norm_logit_gap", or_null(validation.spearman_logit_gap)},
               {"spearman_norm_attention_lifetime", or_null(validation.spearman_attention_lifetime)},
               {"primary", primary_json(validation.primary)},
               {"sinks", Json::array()}};
  for (const SinkScore& score : validation.sinks) json["sinks"].push_back(sink_json(score));
  return json;
}

Json row_json(const ControlRow& row) {
  Json kinds = Json::object();
  for (const auto& [kind, count] : row.kinds) kinds[kind] = count;
  return {{"direction", row.direction},
          {"models", row.n_models},
          {"places", row.places},
          {"unreachable", row.unreachable.empty() ? Json(nullptr) : Json(row.unreachable)},
          {"far_boost", spread_json(row.far_boost)},
          {"far_boost_of_models", spread_json(row.far_boost_models)},
          {"kinds", kinds},
          {"primary_score", or_null(row.primary_score)}};
}

Json tallies_json(const std::map<std::string, Tally>& controls) {
  Json json = Json::object();
  for (const auto& [direction, tally] : controls) {
    json[direction] = {{"places", tally.places}, {"reported", tally.reported}};
  }
  return json;
}

Json grid_json(const ThresholdGrid& grid) {
  Json figures = Json::array(), rows = Json::array();
  for (const FigureAuc& figure : grid.figures) {
    figures.push_back({{"figure", figure.name()},
                       {"planted", figure.planted},
                       {"others", figure.others},
                       {"auc_others", or_null(figure.auc_others)},
                       {"controls", figure.controls},
                       {"auc_controls", or_null(figure.auc_controls)}});
  }
  for (const GridRow& row : grid.rows) {
    rows.push_back({{"alignment", row.alignment},
                    {"min_alignment", row.min_alignment},
                    {"min_norm_ratio", row.min_norm_ratio},
                    {"min_far_boost", row.min_far_boost},
                    {"places", row.places},
                    {"found", row.found},
                    {"l_start_exact", row.exact},
                    {"reported", row.reported},
                    {"correct", row.correct},
                    {"controls", tallies_json(row.controls)},
                    {"false_reports_by_decile", row.false_reports},
                    {"primary_like_by_decile", row.primary_like}});
  }
  return {{"ordinary_by_decile", grid.ordinary}, {"figures", figures}, {"rows", rows}};
}

}  // namespace

std::string validation_to_json(const Validation& validation, const ControlTable* controls, const ThresholdGrid* grid) {
  Json json = validation_json(validation);
  if (controls != nullptr) {
    json["controls"] = Json::array();
    for (const ControlRow& row : controls->rows) json["controls"].push_back(row_json(row));
    json["axis_beats_orthogonal"] = or_null(controls->axis_beats_orthogonal);
  }
  if (grid != nullptr) json["grid"] = grid_json(*grid);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sinkscope
