#include "text/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/bounded_json.h"
#include "text/json_bodies.h"
#include "text/line_reader.h"

namespace sinkscope {
namespace {

class OneDocument final : public DocumentSource {
 public:
  explicit OneDocument(Document document) : document_(std::move(document)) {}
  std::optional<Document> next() override { return std::exchange(document_, std::nullopt); }

 private:
  std::optional<Document> document_;
};

class JoinedSources final : public DocumentSource {
 public:
  explicit JoinedSources(std::vector<std::unique_ptr<DocumentSource>> sources) : sources_(std::move(sources)) {}
  std::optional<Document> next() override {
    for (; at_ < sources_.size(); ++at_) {
      if (auto document = sources_[at_]->next()) return document;
      sources_[at_].reset();
    }
    return std::nullopt;
  }

 private:
  std::vector<std::unique_ptr<DocumentSource>> sources_;
  std::size_t at_ = 0;
};

std::string shown(const InputPlace& place) {
  if (place.file.empty()) return "the text";
  return place.file == "-" ? "standard input" : "'" + place.file + "'";
}

void refuse_empty(const std::string& text, const InputPlace& place) {
  if (!text.empty()) return;
  throw Error(ErrorCode::kInput, fmt::format("{} is empty: expected at least one character", shown(place)));
}

std::unique_ptr<DocumentSource> one(Document document) { return std::make_unique<OneDocument>(std::move(document)); }

}  // namespace

std::optional<std::vector<TokenId>> tokens_of(const nlohmann::ordered_json& array) {
  if (!array.is_array()) return std::nullopt;
  std::vector<TokenId> tokens;
  tokens.reserve(array.size());
  for (const auto& id : array) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::numeric_limits<TokenId>::max()) return std::nullopt;
    tokens.push_back(id.get<TokenId>());
  }
  return tokens;
}

std::string raw_json(const nlohmann::ordered_json& value) { return from_private_bytes(value.dump()); }

namespace {

// ShareGPT's names of roles, and those that its followers use.
std::string role_of(const std::string& from) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, from) != names.end();
  };
  if (is_one_of({"human", "user"})) return "user";
  if (is_one_of({"gpt", "assistant", "model", "bot", "chatgpt", "bard", "bing"})) return "assistant";
  if (is_one_of({"system", "tool"})) return from;
  throw Error(ErrorCode::kInput,
              fmt::format("chat messages: expected \"from\" to be human, gpt, system or tool, got \"{}\"",
                          from_private_bytes(from)));
}

// [{"from": "human", "value": "..."}], as ShareGPT writes it, with the usual names; nothing if it is none.
std::optional<nlohmann::ordered_json> from_share_gpt(const nlohmann::ordered_json& value) {
  const auto is_turn = [](const nlohmann::ordered_json& turn) {
    return turn.is_object() && turn.contains("from") && turn["from"].is_string() && turn.contains("value") &&
           turn["value"].is_string();
  };
  if (!value.is_array() || value.empty() || !std::ranges::all_of(value, is_turn)) return std::nullopt;
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  for (const nlohmann::ordered_json& turn : value) {
    messages.push_back({{"role", role_of(turn["from"].get<std::string>())}, {"content", turn["value"]}});
  }
  return messages;
}

// The member that holds the conversation; nullptr: it is no object, or none does.
const nlohmann::ordered_json* conversation_in(const nlohmann::ordered_json& object) {
  if (!object.is_object()) return nullptr;
  for (const std::string_view name : kConversations) {
    if (const auto found = object.find(std::string(name)); found != object.end()) return &*found;
  }
  return nullptr;
}

// The tools that an object offers beside its conversation; null: none.
nlohmann::ordered_json tools_in(const nlohmann::ordered_json& object) {
  const auto found = object.find("tools");
  if (found == object.end() || found->is_null()) return nullptr;
  // Tables keep them as a text, since no two tools have the same members.
  const nlohmann::ordered_json tools =
      found->is_string() ? parse_bounded_json(found->get_ref<const std::string&>()) : *found;
  if (!tools.is_array()) {
    throw Error(ErrorCode::kInput,
                fmt::format("\"tools\": expected a JSON array of {{\"type\": \"function\", \"function\": {{\"name\": ...}}}}, "
                            "got {}",
                            tools.type_name()));
  }
  return tools.empty() ? nlohmann::ordered_json(nullptr) : tools;
}

// A conversation of an object, with what stands beside it there.
ChatMessages messages_in(const nlohmann::ordered_json& object, nlohmann::ordered_json messages) {
  if (auto named = from_share_gpt(messages)) messages = std::move(*named);
  const auto system = object.find("system");
  const bool has_system = system != object.end() && system->is_string() && !system->get_ref<const std::string&>().empty();
  if (has_system && messages.is_array() && !messages.empty() && messages.front().is_object() &&
      messages.front().value("role", "") != "system") {
    messages.insert(messages.begin(), nlohmann::ordered_json{{"role", "system"}, {"content", *system}});
  }
  ChatMessages chat = messages_of(messages);
  if (const auto tools = tools_in(object); !tools.is_null()) {
    chat.json = fmt::format("{{\"messages\":{},\"tools\":{}}}", chat.json, raw_json(tools));
  }
  return chat;
}

}  // namespace

bool holds_conversation(const nlohmann::ordered_json& object) {
  return conversation_in(object) != nullptr;
}

ChatMessages messages_of(const nlohmann::ordered_json& value) {
  if (const auto* conversation = conversation_in(value)) return messages_in(value, *conversation);
  if (const auto messages = from_share_gpt(value)) return messages_of(*messages);
  if (value.is_string()) {
    return {raw_json(nlohmann::ordered_json::array({{{"role", "user"}, {"content", value}}}))};
  }
  const auto is_message = [](const nlohmann::ordered_json& message) {
    if (!message.is_object()) return false;
    const auto role = message.find("role"), content = message.find("content"), calls = message.find("tool_calls");
    if (role == message.end() || !role->is_string()) return false;
    const bool has_calls = calls != message.end() && calls->is_array() && !calls->empty();
    const bool has_content = content != message.end() && (content->is_string() || content->is_array());
    return has_content || has_calls;
  };
  const auto refuse = [](const std::string& got) {
    throw Error(ErrorCode::kInput,
                "chat messages: expected a JSON array of {\"role\": \"user\", \"content\": \"...\"}, where content is a "
                "text, a list of parts, or null beside tool_calls; got " +
                    got);
  };
  if (!value.is_array()) refuse(fmt::format("a JSON {}", value.is_object() ? "object" : value.type_name()));
  if (value.empty()) refuse("an array with nothing in it");
  if (value.size() > 1 && std::ranges::all_of(value, holds_conversation)) {
    refuse(fmt::format("{} conversations in one array; give the file with --jsonl", value.size()));
  }
  const auto other = std::find_if_not(value.begin(), value.end(), is_message);
  if (other != value.end()) refuse(fmt::format("something else as its message {}", other - value.begin() + 1));
  return {raw_json(value), value.back()["role"] != "assistant"};
}

std::unique_ptr<DocumentSource> text_source(std::string text, InputPlace place) {
  refuse_empty(text, place);
  return one({std::move(place), "", std::move(text)});
}

std::unique_ptr<DocumentSource> text_file_source(const std::string& path) {
  return text_source(read_all(path, kMaxDocumentBytes), {path});
}

std::unique_ptr<DocumentSource> token_file_source(const std::string& path) {
  const InputPlace place{path};
  const std::string text = read_all(path, kMaxDocumentBytes);
  refuse_empty(text, place);
  nlohmann::ordered_json json;
  try {
    json = parse_bounded_json(text);
  } catch (const Error& error) {
    throw Error(ErrorCode::kInput, fmt::format("{}: {}", shown(place), error.what()));
  }
  if (json.is_object() && json.contains("tokens")) json = nlohmann::ordered_json(json["tokens"]);
  auto tokens = tokens_of(json);
  if (!tokens) {
    throw Error(ErrorCode::kInput,
                fmt::format("{}: expected a JSON array of token ids from 0, or {{\"tokens\": [...]}}", shown(place)));
  }
  if (tokens->empty()) {
    throw Error(ErrorCode::kInput, fmt::format("{} is empty: expected at least one token id", shown(place)));
  }
  return one({place, "", std::move(*tokens)});
}

std::unique_ptr<DocumentSource> chat_source(const std::string& text, InputPlace place) {
  refuse_empty(text, place);
  const std::string clean = to_private_bytes(text);
  nlohmann::ordered_json value = clean;
  // A text may begin with a bracket and be no JSON: only what parses as an array, or as an object that holds a conversation,
  // is taken for messages.
  const auto first = clean.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (clean[first] == '[' || clean[first] == '{')) {
    try {
      value = parse_bounded_json(clean);
      if (value.is_object() && !holds_conversation(value)) value = clean;
    } catch (const Error&) {
      value = clean;
    }
  }
  try {
    ChatMessages messages = messages_of(value);
    return one({place, "", std::move(messages)});
  } catch (const Error& error) {
    throw Error(ErrorCode::kInput, fmt::format("{}: {}", shown(place), error.what()));
  }
}

std::unique_ptr<DocumentSource> chat_file_source(const std::string& path) {
  return chat_source(read_all(path, kMaxDocumentBytes), {path});
}

std::unique_ptr<DocumentSource> joined_sources(std::vector<std::unique_ptr<DocumentSource>> sources) {
  return std::make_unique<JoinedSources>(std::move(sources));
}

}  // namespace sinkscope
