#include "report/page/effects_data.h"

#include <string>
#include <string_view>

#include "report/effects_chart.h"
#include "report/page/chart_data.h"
#include "report/shown_effects.h"

namespace sinkscope {

void write_effects(JsonWriter& json, const ScanFile& file, Rule rule) {
  using enum JsonLayout;
  json.key("effects");
  const ShownEffects effects = rule == Rule::kEvidence ? shown_effects(file) : ShownEffects{};
  if (!effects.any()) {
    json.null();
    return;
  }
  json.open_object(kInline).key("verdicts").open_array(kInline);
  const auto write = [&](const std::string& how, std::string_view about, std::string_view verdict, const std::string& reason) {
    json.open_object(kInline).member("how", how).member("about", about).member("verdict", verdict);
    json.member("reason", reason).close();
  };
  if (effects.ablated) {
    for (const JudgedEdit& edit : effects.ablated->judged.verdicts) {
      write(word_of(edit.how), "the primary", name_of(edit.verdict), edit.reason);
      if (edit.tokens_verdict) write(word_of(edit.how), "predictions", name_of(*edit.tokens_verdict), edit.tokens_reason);
    }
  }
  if (effects.kept) {
    for (const JudgedCache& cache : effects.kept->judged.caches) {
      write(word_of(cache.cache), std::string("what it ") + std::string(verb_of(cache.cache)),
            cache.recommended ? name_of(*cache.recommended) : "no advice", cache.reason);
    }
  }
  json.close().key("charts").open_array(kInline);
  write_chart(json, effects_chart(effects, file.model().facts.n_layers), "effects");
  json.close().close();
}

}  // namespace sinkscope
