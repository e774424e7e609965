#include "impact/sink_list.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace sinkscope {
namespace {

[[noreturn]] void refuse(const std::string& expected, const nlohmann::json& got) {
  std::string shown = got.dump();
  if (shown.size() > 60) shown = shown.substr(0, 57) + "...";
  throw Error(ErrorCode::kInput, fmt::format("sinks: expected {}, got {}", expected, shown));
}

const nlohmann::json& member(const nlohmann::json& object, const char* name, const std::string& expected) {
  if (!object.is_object() || !object.contains(name)) refuse(expected, object);
  return object.at(name);
}

int number_from(const nlohmann::json& json, const std::string& expected) {
  if (!json.is_number_integer() || json.get<std::int64_t>() < 0 || json.get<std::int64_t>() > 1'000'000'000) {
    refuse(expected, json);
  }
  return json.get<int>();
}

RemovedToken sink_from(const nlohmann::json& json) {
  const std::string expected = R"({"position": N, "l_start": L, "l_end": L} with whole numbers from 0)";
  RemovedToken token;
  token.position = number_from(member(json, "position", expected), expected);
  token.l_start = number_from(member(json, "l_start", expected), expected);
  token.l_end = number_from(member(json, "l_end", expected), expected);
  return token;
}

NamedSinks sequence_from(const nlohmann::json& json) {
  NamedSinks named;
  const nlohmann::json& sinks = member(json, "sinks", R"(a sequence with "sinks")");
  if (!sinks.is_array() || sinks.empty()) refuse("a list of at least one sink", sinks);
  for (const nlohmann::json& sink : sinks) named.sinks.push_back(sink_from(sink));
  if (!json.contains("placebo")) return named;
  const std::string expected = fmt::format("\"placebo\" as a list of draws of {} positions each", named.sinks.size());
  const nlohmann::json& placebo = json.at("placebo");
  if (!placebo.is_array()) refuse(expected, placebo);
  for (const nlohmann::json& draw : placebo) {
    if (!draw.is_array() || draw.size() != named.sinks.size()) refuse(expected, draw);
    std::vector<RemovedToken>& tokens = named.placebo.emplace_back();
    for (std::size_t i = 0; i < draw.size(); ++i) {
      tokens.push_back({number_from(draw[i], expected), named.sinks[i].l_start, named.sinks[i].l_end, std::nullopt});
    }
  }
  return named;
}

}  // namespace

std::map<std::string, NamedSinks> named_sinks_from(const nlohmann::json& json, const std::string& only_key) {
  const nlohmann::json& sequences = member(json, "sequences", R"(an object with "sequences")");
  if (!sequences.is_array() || sequences.empty()) refuse("a list of at least one sequence", sequences);
  std::map<std::string, NamedSinks> named;
  for (const nlohmann::json& sequence : sequences) {
    NamedSinks sinks = sequence_from(sequence);
    std::string key = only_key;
    if (sequence.contains("document")) {
      if (!sequence.at("document").is_string()) refuse("\"document\" as a text", sequence.at("document"));
      key = sequence.at("document").get<std::string>();
    } else if (only_key.empty()) {
      refuse("\"document\" in each sequence, as the results hold several", sequence);
    }
    if (!named.emplace(key, std::move(sinks)).second) refuse("each document once", nlohmann::json(key));
  }
  return named;
}

}  // namespace sinkscope
