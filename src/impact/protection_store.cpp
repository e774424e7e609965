#include "impact/protection_store.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "sinks/fields.h"

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string protection_specification(const ProtectRequest& request, const CacheForm& cache) {
  Json json;
  json["cache"] = word_of(cache);
  json["draws"] = request.n_draws;
  json["seed"] = request.seed;
  for_each_field(kThresholdFields, [&](const auto& field) {
    json["thresholds"][std::string(field.name)] = request.thresholds.*field.member;
  });
  return json.dump();
}

bool is_protection(const std::string& specification) {
  const Json json = Json::parse(specification, nullptr, false);
  return json.is_object() && json.contains("cache");
}

ProtectRequest request_of_protection(const std::string& specification) {
  try {
    const Json json = Json::parse(specification);
    ProtectRequest request;
    request.caches = {cache_form_from(json.at("cache").get<std::string>())};
    request.n_draws = json.at("draws").get<int>();
    request.seed = json.at("seed").get<std::uint64_t>();
    for_each_field(kThresholdFields, [&](const auto& field) {
      json.at("thresholds").at(std::string(field.name)).get_to(request.thresholds.*field.member);
    });
    return request;
  } catch (const Json::exception&) {
  } catch (const Error&) {  // a cache of another program
  }
  throw Error(ErrorCode::kInput, "edits: expected the specification of a cache, got other text; the file is damaged");
}

std::string shared_protection(const std::string& specification) {
  Json json = Json::parse(specification, nullptr, false);
  if (json.is_object()) json.erase("cache");
  return json.dump();
}

}  // namespace sinkscope
