#include "report/data/level_json.h"

#include <ostream>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/file_levels.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

std::optional<float> rounded(const std::optional<double>& value) {
  return value ? std::optional<float>(static_cast<float>(*value)) : std::nullopt;
}

void write_rate(JsonWriter& json, std::string_view name, const Rate& rate) {
  json.key(name).open_object(kInline);
  json.member("count", rate.count).member("documents", rate.documents).member("outside_eligible", rate.outside);
  json.member("eligible_tokens", rate.eligible_tokens).member("per_1000", rounded(rate.per_1000));
  json.key("interval_95");
  if (rate.interval) {
    json.open_array(kInline).value(static_cast<float>(rate.interval->low));
    json.value(static_cast<float>(rate.interval->high)).close();
  } else {
    json.null();
  }
  json.close();
}

void write_rates(JsonWriter& json, std::string_view name, const std::vector<LabelledRate>& rates) {
  json.key(name).open_object(kLines);
  for (const LabelledRate& rate : rates) write_rate(json, rate.name, rate.rate);
  json.close();
}

void write_tokens(JsonWriter& json, const std::vector<TokenCount>& tokens, const FileLevels& file) {
  json.key("tokens").open_array(kLines);
  for (const TokenCount& token : tokens) {
    json.open_object(kInline).member("token_id", token.token);
    file.token_bytes ? json.text_member("text", file.token_bytes(token.token)) : json.key("text").null();
    json.member("count", token.count).close();
  }
  json.close();
}

void write_hazard(JsonWriter& json, const std::vector<HazardBin>& bins) {
  json.key("hazard").open_array(kLines);
  for (const HazardBin& bin : bins) {
    json.open_object(kInline).member("first", bin.first).member("end", bin.end).member("count", bin.count);
    json.member("eligible_tokens", bin.eligible_tokens).member("per_1000", rounded(bin.per_1000)).close();
  }
  json.close();
}

void write_level(JsonWriter& json, const Level& level, const FileLevels& file) {
  const int n_layers = file.report.n_layers;
  json.open_object(kLines);
  json.member("l_start", level.l_start).member("l_end", level.l_end);
  json.member("l_end_is_lower_bound", level.l_end_is_lower_bound);
  json.member("depth_start", static_cast<float>(depth_fraction(level.l_start, n_layers)));
  json.member("depth_end", static_cast<float>(depth_fraction(level.l_end, n_layers)));
  json.member("start_jitter", static_cast<float>(level.start_jitter));
  json.member("end_jitter", static_cast<float>(level.end_jitter));
  json.member("stability", rounded(level.stability)).member("tentative", level.tentative);
  const Lifetimes& lifetimes = level.lifetimes;
  json.key("lifetime").open_object(kInline).member("median", lifetimes.median);
  json.member("median_is_lower_bound", lifetimes.median_is_lower_bound).member("shortest", lifetimes.shortest);
  json.member("longest", lifetimes.longest).member("censored", lifetimes.censored).close();
  write_rate(json, "rate", level.rate);
  write_rate(json, "rate_in_prompts", level.prompt_rate);
  write_rate(json, "rate_in_outputs", level.output_rate);
  json.member("within_one_frac", static_cast<float>(level.within_one_frac));
  json.member("start_entropy_bits", static_cast<float>(level.start_entropy_bits));
  json.member("norm_ratio_median", rounded(level.norm_ratio));
  json.member("logit_gap_median", rounded(level.logit_gap));
  json.member("far_boost_median", rounded(level.far_boost));
  write_tokens(json, level.tokens, file);
  write_hazard(json, level.hazard);
  json.close();
}

void write_file(JsonWriter& json, const FileLevels& file) {
  const LevelReport& report = file.report;
  json.open_object(kLines);
  json.member("file", file.name).key("model");
  file.model.empty() ? json.null() : json.value(file.model);
  json.member("source", file.imported ? "import" : "scan").member("n_layers", report.n_layers);
  json.key("kinds").open_array(kInline);
  for (const std::string& kind : file.kinds) json.value(kind);
  json.close();
  json.member("documents", report.documents).member("documents_without_primary", report.documents_without_primary);
  json.member("tokens", report.tokens);
  write_rate(json, "sinks", report.all);
  json.key("groups").open_object(kInline).member("count", report.groups);
  json.member("tokens", report.group_tokens).close();
  // What a rule calls by labels of its own has these for kinds.
  const bool labelled = !file.imported && !report.by_label.empty();
  write_rates(json, "by_kind", labelled ? report.by_label : report.by_kind);
  if (file.imported) write_rates(json, "by_label", report.by_label);
  json.member("within_one_frac", static_cast<float>(report.within_one_frac));
  json.member("start_entropy_bits", static_cast<float>(report.start_entropy_bits));
  json.key("levels").open_array(kLines);
  for (const Level& level : report.levels) write_level(json, level, file);
  json.close();
  write_rate(json, "unassigned", report.unassigned);
  json.key("unstable").open_array(kLines);
  for (const WeakLevel& weak : report.weak) {
    json.open_object(kInline).member("l_start", weak.l_start).member("l_end", weak.l_end);
    json.member("l_end_is_lower_bound", weak.l_end_is_lower_bound).member("count", weak.count);
    json.member("documents", weak.documents).member("stability", static_cast<float>(weak.stability)).close();
  }
  json.close().close();
}

}  // namespace

void write_levels_json(const std::vector<FileLevels>& files, const LevelOptions& options, std::ostream& out) {
  JsonWriter json(out);
  json.open_object(kLines).member("schema", "sinkscope.levels/3");
  json.key("options").open_object(kLines).member("separation", options.separation);
  json.member("min_sinks", options.min_sinks).member("bootstraps", options.n_bootstraps);
  json.member("min_stability", static_cast<float>(options.min_stability));
  json.member("rate_resamples", options.n_rate_resamples).member("tentative_documents", options.tentative_documents);
  json.member("enough_documents", options.enough_documents);
  json.member("seed", static_cast<std::int64_t>(options.seed)).close();
  json.key("files").open_array(kLines);
  for (const FileLevels& file : files) write_file(json, file);
  json.close().close();
  if (!out.flush()) throw Error(ErrorCode::kOutput, "JSON: writing failed; check the free space");
}

}  // namespace sinkscope
