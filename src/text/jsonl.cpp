#include "text/jsonl.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/bounded_json.h"
#include "text/json_bodies.h"
#include "text/line_reader.h"

namespace sinkscope {
namespace {

class JsonlSource final : public DocumentSource {
 public:
  JsonlSource(JsonlOptions options, OnSkip on_skip)
      : options_(std::move(options)), on_skip_(std::move(on_skip)), lines_(options_.path, options_.max_line_bytes) {}

  std::optional<Document> next() override {
    std::string line;
    for (;;) {
      const LineReader::Result result = lines_.next(line);
      if (result == LineReader::Result::kEnd) return std::nullopt;
      InputPlace place{options_.path, lines_.line_number(), ""};
      if (result == LineReader::Result::kTooLong) {
        on_skip_({place, fmt::format("longer than {} bytes", options_.max_line_bytes)});
        continue;
      }
      if (line.find_first_not_of(" \t\r\xEF\xBB\xBF") == std::string::npos) continue;
      try {
        return document_of(line, place);
      } catch (const Error& error) {
        on_skip_({place, error.what()});
      }
    }
  }

 private:
  Document document_of(const std::string& line, const InputPlace& place) const {
    const nlohmann::ordered_json json = parse_bounded_json(to_private_bytes(line));
    if (!json.is_object()) throw Error(ErrorCode::kInput, "expected a JSON object, got something else");
    Document document{place, "", ""};
    if (const auto id = json.find("id"); id != json.end()) {
      document.place.id = id->is_string() ? bytes_of(*id) : id->is_number_integer() ? id->dump() : "";
    }
    const nlohmann::ordered_json& value = body_of(json);
    if (options_.chat) {
      document.body = messages_of(value);
    } else if (value.is_string()) {
      document.body = bytes_of(value);
    } else if (auto tokens = tokens_of(value)) {
      document.body = std::move(*tokens);
    } else {
      throw Error(ErrorCode::kInput, fmt::format("\"{}\": expected a string or an array of token ids, got {}",
                                                 options_.field, value.type_name()));
    }
    if (!options_.prompt_field.empty()) {
      const nlohmann::ordered_json& prompt = member(json, options_.prompt_field);
      if (prompt.is_string()) {
        document.prompt = bytes_of(prompt);
      } else if (auto tokens = tokens_of(prompt)) {
        document.prompt = std::move(*tokens);
      } else {
        throw Error(ErrorCode::kInput, fmt::format("\"{}\": expected a string or an array of token ids, got {}",
                                                   options_.prompt_field, prompt.type_name()));
      }
    }
    // Behind a prompt a text may be empty: a model that ended it at once.
    const bool has_prompt = std::visit([](const auto& prompt) { return !prompt.empty(); }, document.prompt);
    if (!has_prompt && (value.empty() || (value.is_string() && value.get_ref<const std::string&>().empty()))) {
      throw Error(ErrorCode::kInput, fmt::format("\"{}\" is empty", options_.field));
    }
    return document;
  }

  // The member that holds the text, or the whole record, if it is a conversation and what stands beside it.
  const nlohmann::ordered_json& body_of(const nlohmann::ordered_json& json) const {
    const bool may_be_conversation =
        options_.chat && options_.field == JsonlOptions{}.field && !json.contains(options_.field);
    return may_be_conversation && holds_conversation(json) ? json : member(json, options_.field);
  }

  static const nlohmann::ordered_json& member(const nlohmann::ordered_json& object, const std::string& name) {
    const auto found = object.find(name);
    if (found == object.end()) throw Error(ErrorCode::kInput, fmt::format("no member \"{}\"{}", name, others(object)));
    return *found;
  }

  // "; it has "question", "answer": --field names one"
  static std::string others(const nlohmann::ordered_json& object) {
    constexpr std::size_t kShown = 8;
    std::string names;
    std::size_t n = 0;
    bool is_conversation = false;
    for (const auto& [name, value] : object.items()) {
      is_conversation = is_conversation || std::ranges::find(kConversations, name) != kConversations.end();
      if (n++ < kShown) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", from_private_bytes(name));
    }
    if (n == 0) return ": the object is empty";
    return fmt::format("; it has {}{}: --field names the one to read{}", names, n > kShown ? ", ..." : "",
                       is_conversation ? ", --chat reads a conversation" : "");
  }

  static std::string bytes_of(const nlohmann::ordered_json& text) {
    return from_private_bytes(text.get_ref<const std::string&>());
  }

  JsonlOptions options_;
  OnSkip on_skip_;
  LineReader lines_;
};

}  // namespace

std::unique_ptr<DocumentSource> jsonl_source(JsonlOptions options, OnSkip on_skip) {
  return std::make_unique<JsonlSource>(std::move(options), std::move(on_skip));
}

}  // namespace sinkscope
