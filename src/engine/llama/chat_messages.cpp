#include "engine/llama/chat_messages.h"

#include <cstddef>
#include <string>
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
    common_json message = messages[i];
    message["content"] = content_of(messages[i], i, reads);
    if (message.contains("tool_calls")) {
      if (message.at("tool_calls").is_null()) {
        message.erase("tool_calls");
      } else {
        message["tool_calls"] = calls_of(messages[i].at("tool_calls"), i, reads);
      }
    }
    if (!has_channels && message.at("role") == "developer") message["role"] = "system";
    changed.push_back(std::move(message));
  }
  return reads.supports_system_role ? changed : without_system(changed);
}

}  // namespace sinkscope
