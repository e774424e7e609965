#include "cli/authors_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>

#include "base/error.h"
#include "text/bounded_json.h"
#include "text/jsonl.h"
#include "text/line_reader.h"

namespace sinkscope {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorCode::kInput, why); }

const nlohmann::json& member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) refuse(fmt::format("expected a member '{}', got none", name));
  return *found;
}

int whole(const nlohmann::json& value, const std::string& name, int least, int most) {
  if (value.is_number_integer() && value >= least && value <= most) return value.get<int>();
  refuse(fmt::format("{}: expected a whole number from {} to {}, got {}", name, least, most,
                     value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 40)));
}

int whole(const nlohmann::json& object, const char* name) {
  return whole(member(object, name), name, 0, std::numeric_limits<int>::max());
}

int position_of(const std::string& text, int n_tokens) {
  int position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error == std::errc() && end == text.data() + text.size() && position >= 0 && position < n_tokens) return position;
  refuse(fmt::format("candidate_sinks: expected positions from 0 to {}, got '{}'", n_tokens - 1, text.substr(0, 40)));
}

ImportedSink sink_of(int position, const nlohmann::json& record, int n_layers) {
  if (!record.is_object()) refuse("candidate_sinks: expected an object for each position");
  ImportedSink sink;
  sink.position = position;
  sink.token = whole(record, "token_id");
  const nlohmann::json& label = member(record, "sink_type");
  if (!label.is_string()) refuse("sink_type: expected a text");
  sink.label = label.get<std::string>();
  const nlohmann::json& layers = member(record, "layer");
  if (!layers.is_array() || layers.empty()) refuse("layer: expected a list of layers with one at least");
  std::vector<int> flagged;
  for (const nlohmann::json& layer : layers) flagged.push_back(whole(layer, "layer", 0, n_layers - 1));
  std::ranges::sort(flagged);
  sink.first_layer = flagged.front();
  sink.last_layer = flagged.back();
  const auto repeated = std::ranges::unique(flagged);
  sink.layers_flagged = static_cast<int>(repeated.begin() - flagged.begin());
  return sink;
}

std::string name_of(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  refuse("sample_index: expected a number or a text");
}

ImportedDocument document_of(const std::string& line, int n_layers) {
  const nlohmann::json record = parse_bounded_json(line);
  if (!record.is_object()) refuse("expected a JSON object");
  ImportedDocument document;
  document.name = name_of(member(record, "sample_index"));
  document.n_tokens = whole(record, "full_text_len");
  document.prompt_tokens = whole(record, "prompt_len");
  const int response = whole(record, "response_len");
  if (document.prompt_tokens > document.n_tokens || response > document.n_tokens) {
    refuse(fmt::format("full_text_len: expected at least prompt_len {} and response_len {}, got {}",
                       document.prompt_tokens, response, document.n_tokens));
  }
  const nlohmann::json& sinks = member(record, "candidate_sinks");
  if (!sinks.is_object()) refuse("candidate_sinks: expected an object by position");
  for (const auto& [position, sink] : sinks.items()) {
    document.sinks.push_back(sink_of(position_of(position, document.n_tokens), sink, n_layers));
  }
  std::ranges::sort(document.sinks, {}, &ImportedSink::position);
  const auto twice = std::ranges::adjacent_find(document.sinks, {}, &ImportedSink::position);
  if (twice != document.sinks.end()) refuse(fmt::format("candidate_sinks: position {} twice", twice->position));
  return document;
}

}  // namespace

std::vector<ImportedDocument> read_authors_records(const std::string& path, int n_layers, const OnSkip& on_skip) {
  LineReader lines(path, kMaxLineBytes);
  std::vector<ImportedDocument> documents;
  std::map<std::string, int> n_equal;
  std::string line;
  for (auto result = lines.next(line); result != LineReader::Result::kEnd; result = lines.next(line)) {
    const InputPlace place{path, lines.line_number(), {}};
    if (result == LineReader::Result::kTooLong) {
      on_skip({place, fmt::format("longer than {} bytes", kMaxLineBytes)});
      continue;
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      ImportedDocument document = document_of(line, n_layers);
      document.line = static_cast<int>(lines.line_number());
      document.key = imported_key(document, n_equal[imported_key(document, 0)]++);
      documents.push_back(std::move(document));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInput) throw;
      on_skip({place, error.what()});
    }
  }
  if (documents.empty()) refuse(fmt::format("'{}' holds no record: expected one at least", path));
  return documents;
}

}  // namespace sinkscope
