#include "impact/head_reach_store.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace sinkscope {

std::string reach_specification(const HeadReachRequest& request) {
  nlohmann::ordered_json json;
  json["sink_size"] = request.sink_size;
  json["recent_size"] = request.recent_size;
  return json.dump();
}

bool is_reach(const std::string& specification) {
  const auto json = nlohmann::ordered_json::parse(specification, nullptr, false);
  return json.is_object() && json.contains("recent_size");
}

HeadReachRequest request_of_reach(const std::string& specification) {
  try {
    const auto json = nlohmann::ordered_json::parse(specification);
    HeadReachRequest request;
    request.sink_size = json.at("sink_size").get<int>();
    request.recent_size = json.at("recent_size").get<int>();
    if (request.sink_size >= 0 && request.recent_size > 0) return request;
  } catch (const nlohmann::ordered_json::exception&) {
  }
  throw Error(ErrorCode::kInput, "edits: expected the specification of heads, got other text; the file is damaged");
}

}  // namespace sinkscope
