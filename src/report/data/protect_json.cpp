#include "report/data/protect_json.h"

#include <algorithm>
#include <map>
#include <ostream>

#include "base/error.h"
#include "base/index.h"
#include "base/json_writer.h"
#include "report/data/field_json.h"
#include "report/data/model_json.h"
#include "report/data/number_json.h"
#include "report/keep_prefix_words.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_options(JsonWriter& json, const ProtectRequest& request) {
  json.key("options").open_object(kLines).key("caches").open_array(kInline);
  for (const CacheForm& cache : request.caches) json.value(word_of(cache));
  json.close().member("draws", request.n_draws).member("seed", static_cast<std::int64_t>(request.seed));
  json.member("documents", request.max_documents).member("min_documents", request.min_documents);
  json.member("min_tokens", kMinCacheTokens).member("n_resamples", request.n_resamples);
  json.key("thresholds").open_object(kLines);
  write_fields(json, kThresholdFields, request.thresholds);
  json.close().close();
}

void write_estimate(JsonWriter& json, const char* name, const std::optional<Estimate>& estimate) {
  json.key(name);
  if (!estimate) {
    json.null();
    return;
  }
  json.open_object(kInline).member("mean", number(estimate->mean));
  write_interval(json, "interval", estimate->interval);
  json.close();
}

void write_set(JsonWriter& json, const JudgedSet& set) {
  json.open_object(kInline).member("set", name_of(set.set)).member("n_documents", set.n_documents);
  json.member("n_tokens", number(set.n_kept));
  json.member("kl", set.kl ? std::optional(number(set.kl->mean)) : std::nullopt);
  write_interval(json, "interval", set.kl ? set.kl->interval : std::nullopt);
  json.member("loss", number(set.loss));
  write_estimate(json, "difference_to_first_n", set.to_first_n);
  write_estimate(json, "difference_to_placebo", set.to_placebo);
  json.close();
}

void write_cache(JsonWriter& json, const JudgedCache& cache) {
  json.open_object(kLines).member("cache", word_of(cache.cache));
  json.member("cells", cache.cache.kind == CacheKind::kWindow ? std::optional(cache.cache.cells) : std::nullopt);
  json.member("documents_that_chose", cache.n_choosing).member("documents_that_judge", cache.n_judging);
  json.key("sets").open_array(kLines);
  for (const JudgedSet& set : cache.sets) write_set(json, set);
  json.close().key("recommended");
  cache.recommended ? json.value(name_of(*cache.recommended)) : json.null();
  json.member("reason", cache.reason).close();
}

void write_llama_cpp(JsonWriter& json, const std::optional<KeepPrefix>& prefix) {
  json.key("llama_cpp");
  if (!prefix) {
    json.null();
    return;
  }
  json.open_object(kLines).member("window", word_of(prefix->window)).member("first_tokens", prefix->n_first);
  json.member("keep", prefix->keep).member("flags", llama_flags(*prefix));
  json.member("lost", number(prefix->lost)).key("warnings").open_array(kLines);
  for (const std::string& warning : llama_warnings(*prefix)) json.value(warning);
  json.close().close();
}

void write_documents(JsonWriter& json, const std::vector<SequenceProtection>& sequences) {
  json.key("documents").open_array(kLines);
  for (const SequenceProtection& sequence : sequences) {
    json.open_object(kLines).member("sequence", sequence.ordinal).text_member("id", sequence.id);
    json.member("chunk", sequence.chunk).member("document", sequence.key);
    json.member("n_tokens", static_cast<std::int64_t>(sequence.tokens.size()));
    write_list(json, "positions", sequence.positions);
    json.key("caches").open_array(kLines);
    for (const CacheEffect& cache : sequence.caches) {
      json.open_object(kInline).member("cache", word_of(cache.cache)).member("n", cache.n).key("sets").open_array(kInline);
      for (const KeptEffect& effect : cache.sets) {
        json.open_object(kInline).member("set", name_of(effect.set)).member("n_tokens", number(effect.n_kept));
        json.member("kl", number(effect.kl)).member("loss", number(effect.loss)).close();
      }
      json.close().close();
    }
    json.close().close();
  }
  json.close();
}

// Of each token id that is a sink somewhere: how often it is one, and how often it occurs.
void write_token_ids(JsonWriter& json, const std::vector<SequenceProtection>& sequences,
                     const std::function<std::string(TokenId)>& text_of) {
  std::map<TokenId, std::int64_t> sinks, occurrences;
  for (const SequenceProtection& sequence : sequences) {
    for (const int position : sequence.positions) ++sinks[sequence.tokens[index(position)]];
    for (const TokenId token : sequence.tokens) ++occurrences[token];
  }
  json.key("token_ids").open_array(kLines);
  for (const auto& [token, n] : sinks) {
    json.open_object(kInline).member("token_id", token).text_member("text", text_of(token));
    json.member("sinks", n).member("occurrences", occurrences[token]).close();
  }
  json.close();
}

void write_detector(JsonWriter& json, const MeasuredDetector& measured) {
  const TrainedDetector& trained = measured.trained;
  json.open_object(kLines).member("layer", trained.detector.layer);
  json.member("ordinary_norm", trained.detector.ordinary_norm);
  json.member("min_norm_ratio", trained.detector.min_norm_ratio);
  json.member("min_cosine", trained.detector.min_cosine);
  json.member("recall", number(trained.recall)).member("precision", number(trained.precision));
  json.member("documents", trained.n_documents).member("sinks", trained.n_sinks);
  json.member("found", trained.n_found).member("false", trained.n_false).member("reason", trained.reason);
  json.key("kl").open_array(kLines);
  for (const DetectedCache& cache : measured.caches) {
    json.open_object(kInline).member("cache", word_of(cache.cache)).member("n_documents", cache.n_documents);
    json.member("n_tokens", number(cache.n_kept)).member("kl", number(cache.kl)).member("loss", number(cache.loss));
    json.close();
  }
  json.close().close();
}

}  // namespace

void write_protect_json(const ModelRecord& model, const std::vector<SequenceProtection>& sequences,
                        const JudgedProtection& judged, const ProtectRequest& request,
                        const std::optional<MeasuredDetector>& detector,
                        const std::function<std::string(TokenId)>& text_of, std::ostream& out) {
  JsonWriter json(out);
  json.open_object(kLines).member("schema", "sinkscope.protect/1");
  write_model(json, model);
  write_options(json, request);
  json.key("caches").open_array(kLines);
  for (const JudgedCache& cache : judged.caches) write_cache(json, cache);
  json.close();
  write_llama_cpp(json, judged.prefix);
  write_documents(json, sequences);
  write_token_ids(json, sequences, text_of);
  json.key("detector");
  detector ? write_detector(json, *detector) : static_cast<void>(json.null());
  json.close();
  if (!out) throw Error(ErrorCode::kOutput, "protect: the output could not be written");
}

void write_detector_json(const MeasuredDetector& detector, std::ostream& out) {
  JsonWriter json(out);
  write_detector(json, detector);
  if (!out) throw Error(ErrorCode::kOutput, "detector: the output could not be written");
}

}  // namespace sinkscope
