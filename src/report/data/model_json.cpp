#include "report/data/model_json.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "report/data/field_json.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

// A list by layer where layers differ, else null.
void write_heads(JsonWriter& json, const char* name, const std::vector<int>& heads) {
  json.key(name);
  if (std::ranges::adjacent_find(heads, std::not_equal_to<>()) == heads.end()) {
    json.null();
  } else {
    write_value(json, heads);
  }
}

}  // namespace

void write_model(JsonWriter& json, const ModelRecord& model) {
  const ModelFacts& facts = model.facts;
  json.key("model").open_object(kLines);
  json.member("name", facts.name).member("sha256", model.sha256).member("arch", facts.arch).member("type", facts.type);
  json.member("n_layers", facts.n_layers).member("d_model", facts.d_model);
  json.member("n_heads", facts.n_heads_max).member("n_kv_heads", std::ranges::max(facts.n_kv_heads));
  write_heads(json, "n_heads_by_layer", facts.n_heads);
  write_heads(json, "n_kv_heads_by_layer", facts.n_kv_heads);
  json.member("n_vocab", facts.n_vocab).member("n_ctx_train", facts.n_ctx_train);
  json.key("lacking").open_array(kLines);
  for (const Lacking& one : model.lacking) {
    json.open_object(kInline).member("layer", one.layer).member("what", one.what).member("why", one.why).close();
  }
  json.close().key("notes").open_array(kLines);
  for (const std::string& note : model.notes) json.value(note);
  json.close().close();
}

}  // namespace sinkscope
