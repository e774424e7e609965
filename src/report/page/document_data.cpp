#include "report/page/document_data.h"

#include <array>
#include <map>
#include <sstream>

#include "base/display_text.h"
#include "base/json_writer.h"
#include "report/attention_chart.h"
#include "report/layer_data.h"
#include "report/page/block.h"
#include "report/page/chart_data.h"
#include "report/page/token_text.h"
#include "report/writes_chart.h"

namespace sinkscope {
namespace {

// The different texts of tokens once, and which of them stands where.
void add_tokens(const ScanFile& file, const StoredDocument& document, Block& block, JsonWriter& json) {
  std::map<TokenId, std::string> vocabulary;
  std::vector<std::string> bytes;
  std::vector<std::uint32_t> ids;
  for (const TokenId token : document.tokens) {
    const auto [entry, is_new] = vocabulary.try_emplace(token);
    if (is_new) entry->second = clip_token(file.token_bytes(token));
    bytes.push_back(entry->second);
    ids.push_back(static_cast<std::uint32_t>(token));
  }
  std::map<std::string, std::uint32_t> index;
  std::vector<std::uint32_t> places;
  json.key("texts").open_array(JsonLayout::kInline);
  for (const std::string& text : token_texts(bytes)) {
    const auto [entry, is_new] = index.try_emplace(text, static_cast<std::uint32_t>(index.size()));
    if (is_new) json.value(text);
    places.push_back(entry->second);
  }
  json.close();
  const std::array shape = {places.size()};
  block.add("text_index", shape, places);
  block.add("token_id", shape, ids);
}

}  // namespace

std::string document_block(const JudgedDocument& judged, bool detail) {
  const LayerData data = layer_data(judged.file, judged.document, judged.shown(), detail);
  const auto n_layers = static_cast<std::size_t>(data.n_layers);
  Block block;
  for (const auto& [name, values] : data.rows)
    block.add("row." + name, std::array{data.positions.size(), n_layers}, values);
  for (const auto& [name, values] : data.quantiles) {
    block.add("quantiles." + name, std::array{kQuantiles.size(), n_layers}, values);
  }
  for (const auto& [name, codes] : data.maps) {
    block.add("map." + name, std::array{n_layers, static_cast<std::size_t>(data.n_tokens)}, codes);
  }
  for (const auto& [name, values] : data.heads) {
    block.add("heads." + name, std::array{data.positions.size(), n_layers, static_cast<std::size_t>(data.n_heads)},
              values);
  }
  block.add("ordinary_norm", std::array{data.ordinary_norm.size()}, data.ordinary_norm);
  std::ostringstream out;
  JsonWriter json(out);
  json.open_object(JsonLayout::kInline);
  add_tokens(judged.file, judged.document, block, json);
  json.key("rows").open_array(JsonLayout::kInline);
  for (const int position : data.positions) json.value(position);
  json.close().key("quantiles").open_array(JsonLayout::kInline);
  for (const double quantile : kQuantiles) json.value(static_cast<float>(quantile));
  json.close().key("attention");
  write_chart(json, attention_chart(attention_shares(judged.document.figures, judged.shown()), judged.rule()),
              "attention");
  json.key("writes");
  write_chart(json, writes_chart(data, judged.shown(), judged.rule()), "norms");
  json.close();
  return block.packed(out.str());
}

}  // namespace sinkscope
