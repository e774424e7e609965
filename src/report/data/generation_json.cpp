#include "report/data/generation_json.h"

#include <sstream>

#include "base/json_writer.h"

namespace sinkscope {
namespace {

void write_tokens(JsonWriter& json, std::string_view name, const std::vector<TokenId>& tokens) {
  json.key(name).open_array(JsonLayout::kInline);
  for (const TokenId token : tokens) json.value(token);
  json.close();
}

}  // namespace

std::string generation_line(const GenerationSource& source, const GeneratedText& text) {
  std::ostringstream line;
  JsonWriter json(line);
  json.open_object(JsonLayout::kInline).member("schema", kGenerationSchema);
  json.text_member("id", text.id).key("line");
  text.line > 0 ? json.value(text.line) : json.null();
  json.text_member("prompt", text.prompt).text_member("output", text.output);
  json.member("finish", text.ended ? "stop" : "length");
  write_tokens(json, "prompt_tokens", text.prompt_tokens);
  write_tokens(json, "output_tokens", text.output_tokens);
  json.text_member("model", source.model).member("sha256", source.sha256);
  if (!source.deployment.empty()) json.text_member("deployment", source.deployment);
  json.key("sampling").open_object(JsonLayout::kInline).member("temperature", source.sampling.temperature);
  json.member("top_p", source.sampling.top_p).member("top_k", source.sampling.top_k);
  json.member("seed", static_cast<std::int64_t>(text.seed)).member("max_tokens", source.max_tokens).close();
  json.close();
  return line.str();
}

}  // namespace sinkscope
