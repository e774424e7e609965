#include "engine/llama/chat_messages.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace sinkscope {
namespace {

[[noreturn]] void refuse_message(std::size_t i, const std::string& expected) {
  throw Error(ErrorCode::kInput, "chat: message " + std::to_string(i + 1) + ": expected " + expected);
}

std::string joined_parts(const common_json& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!text.empty()) text += '\n';
    text += parts[i].at("text").get<std::string>();
  }
  return text;
}

common_json as_parts(const std::string& text) {
  common_json part = common_json::object();
  part["type"] = "text";
  part["text"] = text;
  common_json parts = common_json::array();
  parts.push_back(part);
  return parts;
}

common_json content_of(const common_json& message, std::size_t i, const jinja::caps& reads) {
  if (!message.contains("content") || message.at("content").is_null()) return "";
  const common_json& content = message.at("content");
  if (content.is_string()) {
    const bool only_parts = reads.supports_typed_content && !reads.supports_string_content;
    return only_parts ? as_parts(content.get<std::string>()) : content;
  }
  if (!content.is_array()) refuse_message(i, "content that is a text, a list of parts or null, got another");
  for (std::size_t part = 0; part < content.size(); ++part) {
    const common_json& one = content[part];
    const bool is_text = one.is_object() && one.contains("type") && one.at("type") == "text" && one.contains("text") &&
                         one.at("text").is_string();
    if (!is_text) refuse_message(i, "parts of content that are {\"type\": \"text\", \"text\": ...}, got another");
  }
  return reads.supports_typed_content ? content : common_json(joined_parts(content));
}

common_json calls_of(const common_json& calls, std::size_t i, const jinja::caps& reads) {
  if (!calls.is_array()) refuse_message(i, "a list of tool_calls, got something else");
  common_json changed = common_json::array();
  for (std::size_t k = 0; k < calls.size(); ++k) {
    common_json call = calls[k];
    if (!call.is_object() || !call.contains("function") || !call.at("function").is_object() ||
        !call.at("function").contains("name")) {
      refuse_message(i, "tool_calls that are {\"type\": \"function\", \"function\": {\"name\": ...}}, got another");
    }
    common_json& function = call.at("function");
    if (function.contains("arguments")) {
      common_json& arguments = function.at("arguments");
      if (reads.supports_object_arguments && arguments.is_string()) {
        common_json parsed = common_json::parse_no_throw(arguments.get<std::string>());
        if (parsed.is_discarded()) refuse_message(i, "tool arguments that are JSON, got a string that is none");
        arguments = std::move(parsed);
      } else if (!reads.supports_object_arguments && !arguments.is_string()) {
        arguments = arguments.dump();
      }
    }
    changed.push_back(std::move(call));
  }
  return changed;
}

// A message without the members that say nothing. Content stays, in its place.
common_json told_members(const common_json& message) {
  constexpr std::array<std::string_view, 4> kNothingIfEmpty = {"tool_calls", "reasoning_content", "name", "tool_call_id"};
  common_json told = common_json::object();
  for (const auto& [name, value] : message.items()) {
    const bool is_empty = value == "" || (value.is_array() && value.empty());
    const bool says_nothing =
        value.is_null() || (is_empty && std::ranges::find(kNothingIfEmpty, name) != kNothingIfEmpty.end());
    if (name == "content" || !says_nothing) told[name] = value;
  }
  return told;
}

// The first message, of the system, goes in front of the next.
common_json without_system(const common_json& messages) {
  if (messages.empty() || messages[0].at("role") != "system") return messages;
  common_json changed = common_json::array();
  for (std::size_t i = 1; i < messages.size(); ++i) {
    common_json message = messages[i];
    const common_json &system = messages[0].at("content"), &own = message.at("content");
    if (i == 1 && system.is_string() && own.is_string()) {
      message["content"] = system.get<std::string>() + "\n" + own.get<std::string>();
    }
    changed.push_back(std::move(message));
  }
  return changed;
}

}  // namespace

common_json conformed_messages(const common_json& messages, std::string_view chat_template, const jinja::caps& reads) {
  const bool has_channels = chat_template.find("<|channel|>") != std::string_view::npos;
  common_json changed = common_json::array();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    common_json message = told_members(messages[i]);
    message["content"] = content_of(messages[i], i, reads);
    if (message.contains("tool_calls")) message["tool_calls"] = calls_of(message.at("tool_calls"), i, reads);
    if (!has_channels && message.at("role") == "developer") message["role"] = "system";
    changed.push_back(std::move(message));
  }
  return reads.supports_system_role ? changed : without_system(changed);
}

common_json conformed_tools(const common_json& tools) {
  common_json changed = common_json::array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const common_json& tool = tools[i];
    const bool is_function = tool.is_object() && tool.contains("type") && tool.at("type") == "function" &&
                             tool.contains("function") && tool.at("function").is_object() &&
                             tool.at("function").contains("name") && tool.at("function").at("name").is_string();
    if (!is_function) {
      throw Error(ErrorCode::kInput, "chat: tool " + std::to_string(i + 1) +
                                         ": expected {\"type\": \"function\", \"function\": {\"name\": ...}}, got another");
    }
    const common_json& given = tool.at("function");
    const auto told = [&](const char* name) { return given.contains(name) && !given.at(name).is_null(); };
    common_json function = common_json::object();
    function["name"] = given.at("name");
    function["description"] = told("description") ? given.at("description") : common_json("");
    function["parameters"] = told("parameters") ? given.at("parameters") : common_json::object();
    common_json whole = common_json::object();
    whole["type"] = "function";
    whole["function"] = function;
    changed.push_back(whole);
  }
  return changed;
}

}  // namespace sinkscope
