#include "report/page/effects_data.h"

#include <optional>
#include <string>
#include <string_view>

#include "impact/judge_ablation.h"
#include "report/effects_chart.h"
#include "report/page/chart_data.h"
#include "store/ablated_file.h"

namespace sinkscope {

void write_effects(JsonWriter& json, const ScanFile& file, Rule rule) {
  using enum JsonLayout;
  json.key("effects");
  const auto ablated = rule == Rule::kEvidence ? ablated_of(file) : std::nullopt;
  if (!ablated) {
    json.null();
    return;
  }
  const JudgedAblation judged = judge_ablation(ablated->ablation, ablated->request);
  json.open_object(kInline).key("verdicts").open_array(kInline);
  const auto write = [&](const EditHow& how, std::string_view about, std::string_view verdict, const std::string& reason) {
    json.open_object(kInline).member("how", word_of(how)).member("about", about).member("verdict", verdict);
    json.member("reason", reason).close();
  };
  for (const JudgedEdit& edit : judged.verdicts) {
    write(edit.how, "the primary", name_of(edit.verdict), edit.reason);
    if (edit.tokens_verdict) write(edit.how, "predictions", name_of(*edit.tokens_verdict), edit.tokens_reason);
  }
  json.close().key("charts").open_array(kInline);
  write_chart(json, effects_chart(ablated->ablation, judged, ablated->request, file.model().facts.n_layers), "effects");
  json.close().close();
}

}  // namespace sinkscope
