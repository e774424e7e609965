#include "impact/ablation_store.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "sinks/fields.h"

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

Json tokens_json(const std::vector<RemovedToken>& tokens) {
  Json json = Json::array();
  for (const RemovedToken& token : tokens) json.push_back({token.position, token.l_start, token.l_end});
  return json;
}

// Lists may be long: one number stands for all.
std::string digest_of(const std::map<std::string, NamedSinks>& named) {
  Json json = Json::object();
  for (const auto& [key, sinks] : named) {
    Json& of_document = json[key];
    of_document["sinks"] = tokens_json(sinks.sinks);
    for (const auto& draw : sinks.placebo) of_document["placebo"].push_back(tokens_json(draw));
  }
  return sha256_of_text(json.dump());
}

}  // namespace

std::string edit_specification(const AblateRequest& request, const EditHow& how) {
  Json json;
  json["how"] = word_of(how);
  json["layers"] = layers_word_of(how);
  json["sinks"] = request.named ? digest_of(*request.named) : std::string(name_of(request.selection));
  json["draws"] = request.n_draws;
  json["seed"] = request.seed;
  json["loss"] = request.loss;
  for_each_field(kThresholdFields, [&](const auto& field) {
    json["thresholds"][std::string(field.name)] = request.thresholds.*field.member;
  });
  return json.dump();
}

AblateRequest request_of_specification(const std::string& specification) {
  try {
    const Json json = Json::parse(specification);
    AblateRequest request;
    std::optional<EditedLayers> layers;
    if (const auto word = json.at("layers").get<std::string>(); word != "blocks") {
      layers = word == "first" ? EditedLayers::kFirst : EditedLayers::kRun;
    }
    request.edits = {edit_how_from(json.at("how").get<std::string>(), layers)};
    if (const auto selection = sink_selection_named(json.at("sinks").get<std::string>())) {
      request.selection = *selection;
    } else {
      request.named.emplace();
    }
    request.n_draws = json.at("draws").get<int>();
    request.seed = json.at("seed").get<std::uint64_t>();
    request.loss = json.at("loss").get<bool>();
    for_each_field(kThresholdFields, [&](const auto& field) {
      json.at("thresholds").at(std::string(field.name)).get_to(request.thresholds.*field.member);
    });
    return request;
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kInput, "edits: expected the specification of an edit, got other text; the file is damaged");
  }
}

std::string shared_specification(const std::string& specification) {
  Json json = Json::parse(specification, nullptr, false);
  if (json.is_object()) {
    json.erase("how");
    json.erase("layers");
  }
  return json.dump();
}

}  // namespace sinkscope
