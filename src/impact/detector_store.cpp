#include "impact/detector_store.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "sinks/fields.h"

namespace sinkscope {
namespace {

nlohmann::ordered_json shared_json(const ProtectRequest& request) {
  nlohmann::ordered_json json;
  json["seed"] = request.seed;
  for_each_field(kThresholdFields, [&](const auto& field) {
    json["thresholds"][std::string(field.name)] = request.thresholds.*field.member;
  });
  return json;
}

}  // namespace

std::string detector_specification(const ProtectRequest& request, std::span<const std::string> keys) {
  std::string all;
  for (const std::string& key : keys) all += key + '\n';
  nlohmann::ordered_json json = shared_json(request);
  json["sequences"] = keys.size();
  json["sequences_sha256"] = sha256_of_text(all);
  return json.dump();
}

std::string shared_detector(const std::string& specification) {
  auto json = nlohmann::ordered_json::parse(specification, nullptr, false);
  if (!json.is_object() || json.erase("sequences") + json.erase("sequences_sha256") != 2) {
    throw Error(ErrorCode::kInput, "detectors: expected the specification of a detector, got other text; the file is damaged");
  }
  return json.dump();
}

std::string shared_detector(const ProtectRequest& request) { return shared_json(request).dump(); }

}  // namespace sinkscope
