#include "report/data/steer_json.h"

#include <ostream>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/field_json.h"
#include "report/data/number_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_request(JsonWriter& json, const SteerRequest& request) {
  json.key("options").open_object(kLines).key("changes").open_array(kLines);
  for (const SteerChange& change : request.changes) {
    json.open_object(kInline).member("layer", change.layer).member("position", change.position).key("direction");
    change.direction ? json.value(change.direction->name) : json.null();
    json.member("norm", number(change.norm)).close();
  }
  json.close().member("draws", request.n_draws).member("seed", static_cast<std::int64_t>(request.seed));
  json.member("loss", request.loss).member("min_distance", request.run.min_distance);
  json.key("thresholds").open_object(kLines);
  write_fields(json, kThresholdFields, request.thresholds);
  json.close().close();
}

void write_run(JsonWriter& json, const char* name, const SteeredRun& run) {
  if (name) json.key(name);
  json.open_object(kLines).member("primary", run.primary);
  write_list(json, "primary_score", run.primary_score);
  json.member("loss", run.effect ? std::optional(number(run.effect->loss)) : std::nullopt);
  json.member("kl", run.effect ? std::optional(number(run.effect->kl)) : std::nullopt);
  json.key("tokens").open_array(kLines);
  for (const SteeredToken& token : run.tokens) {
    json.open_object(kInline).member("position", token.position).member("layer", token.layer);
    json.member("alignment", number(token.alignment)).member("norm_ratio", number(token.norm_ratio));
    write_list(json, "far_boost", token.far_boost);
    std::optional<Verdict> verdict;
    std::optional<SinkKind> kind;
    if (token.run) verdict = token.run->verdict;
    if (verdict == Verdict::kSink) kind = token.run->kind;
    if (token.is_primary) verdict = Verdict::kSink, kind = SinkKind::kPrimary;
    json.key("verdict");
    verdict ? json.value(name_of(*verdict)) : json.null();
    json.key("kind");
    kind ? json.value(name_of(*kind)) : json.null();
    json.member("l_start", token.run ? std::optional(token.run->l_start) : std::nullopt);
    json.member("l_end", token.run ? std::optional(token.run->l_end) : std::nullopt).close();
  }
  json.close().close();
}

}  // namespace

void write_steer_json(const std::string& model, const Steering& steering, const SteerRequest& request,
                      std::ostream& out) {
  JsonWriter json(out);
  json.open_object(kLines).member("schema", "sinkscope.steer/1").member("model", model);
  write_request(json, request);
  json.member("primary", steering.primary).member("first_block", steering.first_block);
  json.member("queries", steering.n_queries);
  write_run(json, "unedited", steering.unedited);
  write_run(json, "steered", steering.steered);
  json.member("placebo_distance", steering.placebo_distance).key("placebo").open_array(kLines);
  for (const SteeredRun& draw : steering.placebo) write_run(json, nullptr, draw);
  json.close().close();
  if (!out) throw Error(ErrorCode::kOutput, "steer: the output could not be written");
}

}  // namespace sinkscope
