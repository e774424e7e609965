#include "plant/truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/error.h"
#include "base/statistics.h"
#include "base/whole_file.h"

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kSchema[] = "sinkscope.truth/1";
constexpr std::size_t kMostTruthBytes = 64 << 20;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json to_json(const std::optional<Spread>& spread) {
  if (!spread) return nullptr;
  return {{"median", spread->median}, {"p05", spread->p05}, {"p95", spread->p95}};
}

Json to_json(const PlantedSink& sink) {
  return {{"layer", sink.layer},
          {"token_id", sink.token},
          {"token", sink.token_text},
          {"after", sink.after},
          {"not_after", sink.not_after},
          {"neuron", sink.neuron},
          {"gate_length", sink.gate_length},
          {"up_length", sink.up_length},
          {"direction", sink.direction},
          {"norm", sink.norm},
          {"norm_ratio", or_null(sink.norm_ratio)},
          {"reachable_norm", or_null(sink.reachable)},
          {"count", sink.count},
          {"norm_measured", to_json(sink.norm_measured)},
          {"detector", to_json(sink.detector)},
          {"others_added", to_json(sink.others_added)},
          {"others_added_max", sink.others_added_max},
          {"scored", sink.scored},
          {"found", sink.found},
          {"lifetime", or_null(sink.lifetime)},
          {"attention_lifetime", or_null(sink.attention_lifetime)}};
}

std::optional<double> number_or_none(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end() || at->is_null()) return std::nullopt;
  return at->get<double>();
}

std::optional<Spread> spread_or_none(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end() || at->is_null()) return std::nullopt;
  return Spread{at->at("median").get<double>(), at->at("p05").get<double>(), at->at("p95").get<double>()};
}

PlantedSink sink_of(const Json& json) {
  PlantedSink sink;
  sink.layer = json.at("layer").get<int>();
  sink.token = json.at("token_id").get<TokenId>();
  sink.token_text = json.value("token", "");
  sink.after = json.value("after", std::vector<TokenId>{});
  sink.not_after = json.value("not_after", std::vector<TokenId>{});
  sink.neuron = json.at("neuron").get<int>();
  sink.gate_length = json.at("gate_length").get<double>();
  sink.up_length = json.at("up_length").get<double>();
  sink.direction = json.at("direction").get<std::string>();
  sink.norm = json.at("norm").get<double>();
  sink.norm_ratio = number_or_none(json, "norm_ratio");
  sink.reachable = number_or_none(json, "reachable_norm");
  sink.count = json.value("count", 0);
  sink.norm_measured = spread_or_none(json, "norm_measured");
  sink.detector = spread_or_none(json, "detector");
  sink.others_added = spread_or_none(json, "others_added");
  sink.others_added_max = json.value("others_added_max", 0.0);
  sink.scored = json.value("scored", 0);
  sink.found = json.value("found", 0);
  sink.lifetime = number_or_none(json, "lifetime");
  sink.attention_lifetime = number_or_none(json, "attention_lifetime");
  return sink;
}

}  // namespace

std::optional<Spread> spread_of(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  return Spread{sorted_quantile(values, 0.5), sorted_quantile(values, 0.05), sorted_quantile(values, 0.95)};
}

std::string to_json(const PlantTruth& truth) {
  Json json = {{"schema", kSchema},
               {"model",
                {{"arch", truth.arch},
                 {"source_sha256", truth.source_sha256},
                 {"n_layers", truth.n_layers},
                 {"d_model", truth.d_model}}},
               {"seed", truth.seed},
               {"calibration", {{"n_sequences", truth.n_sequences}, {"n_tokens", truth.n_tokens}}},
               {"primary", {{"position", truth.primary_position}, {"birth_layer", truth.birth_layer}}},
               {"sinks", Json::array()}};
  for (const PlantedSink& sink : truth.sinks) json["sinks"].push_back(to_json(sink));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_truth(const PlantTruth& truth, const std::string& path) {
  write_whole_file(path, fmt::format("truth file '{}'", path), [&](std::ostream& out) { out << to_json(truth); });
}

PlantTruth read_truth(const std::string& path) {
  const FileBytes file = read_whole_file(path, kMostTruthBytes);
  const auto refuse = [&](const std::string& got) {
    throw Error(ErrorCode::kInput, fmt::format("truth file '{}': expected schema {}; got {}; give the file that "
                                               "`sinkscope plant` wrote beside the model",
                                               path, kSchema, got));
  };
  if (!file.problem.empty()) refuse("no readable file");
  const auto json = Json::parse(file.bytes, nullptr, false);
  if (!json.is_object() || json.value("schema", Json()) != kSchema) refuse("something else");
  PlantTruth truth;
  try {
    const Json& model = json.at("model");
    truth.arch = model.at("arch").get<std::string>();
    truth.source_sha256 = model.value("source_sha256", "");
    truth.n_layers = model.at("n_layers").get<int>();
    truth.d_model = model.at("d_model").get<int>();
    truth.seed = json.value("seed", std::uint64_t{1});
    truth.n_sequences = json.at("calibration").value("n_sequences", 0);
    truth.n_tokens = json.at("calibration").value("n_tokens", 0);
    truth.primary_position = json.at("primary").at("position").get<int>();
    truth.birth_layer = json.at("primary").at("birth_layer").get<int>();
    for (const Json& sink : json.at("sinks")) {
      truth.sinks.push_back(sink_of(sink));
      const PlantedSink& added = truth.sinks.back();
      if (added.layer < 0 || added.layer >= truth.n_layers || added.neuron < 0 || !(added.norm > 0)) {
        refuse(fmt::format("a sink in layer {} of {} with norm {}", added.layer, truth.n_layers, added.norm));
      }
    }
  } catch (const nlohmann::json::exception& error) {
    refuse(error.what());
  }
  return truth;
}

std::string truth_path_of(const std::string& model_path) {
  constexpr std::string_view kSuffix = ".gguf";
  const bool named = model_path.size() > kSuffix.size() && model_path.ends_with(kSuffix);
  return model_path.substr(0, model_path.size() - (named ? kSuffix.size() : 0)) + ".truth.json";
}

}  // namespace sinkscope
