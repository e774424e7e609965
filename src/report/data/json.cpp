#include "report/data/json.h"

#include <algorithm>
#include <functional>
#include <ostream>

#include "base/error.h"
#include "base/json_writer.h"

namespace sinkscope {
namespace {

constexpr auto kLines = JsonLayout::kLines;
constexpr auto kInline = JsonLayout::kInline;

void write_integers(JsonWriter& json, const std::vector<int>& values) {
  json.open_array(kInline);
  for (const int value : values) json.value(value);
  json.close();
}

void write_intervals(JsonWriter& json, const std::vector<LayerInterval>& intervals) {
  json.open_array(kInline);
  for (const auto& [first, last] : intervals) json.open_array(kInline).value(first).value(last).close();
  json.close();
}

// A list by layer where layers differ, else null.
void write_heads(JsonWriter& json, const char* name, const std::vector<int>& heads) {
  json.key(name);
  if (std::ranges::adjacent_find(heads, std::not_equal_to<>()) == heads.end()) {
    json.null();
  } else {
    write_integers(json, heads);
  }
}

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
  json.close().close();
}

void write_thresholds(JsonWriter& json, const Thresholds& thresholds) {
  json.key("thresholds").open_object(kLines);
  json.member("min_alignment", thresholds.min_alignment);
  json.member("min_norm_ratio", thresholds.min_norm_ratio);
  json.member("min_far_boost", thresholds.min_far_boost);
  json.member("min_block_frac", thresholds.min_block_frac);
  json.member("early_blocks", thresholds.early_blocks);
  json.member("min_early_blocks", thresholds.min_early_blocks);
  json.member("birth_cosine", thresholds.birth_cosine);
  json.member("birth_slack", thresholds.birth_slack);
  json.member("min_lifetime_boost", thresholds.min_lifetime_boost);
  json.member("unaligned_far_boost", thresholds.unaligned_far_boost);
  json.member("unaligned_max_alignment", thresholds.unaligned_max_alignment);
  json.member("unaligned_norm_ratio", thresholds.unaligned_norm_ratio);
  json.member("unaligned_blocks", thresholds.unaligned_blocks);
  json.member("min_layers", thresholds.min_layers);
  json.member("censor_layers", thresholds.censor_layers);
  json.member("drain_value_ratio", thresholds.drain_value_ratio);
  json.close();
}

void write_options(JsonWriter& json, const ScanFile& file, const ReportOptions& options) {
  json.key("options").open_object(kLines);
  if (options.rule == Rule::kEvidence) {
    json.member("rule", "evidence");
    write_thresholds(json, options.thresholds);
  } else {
    json.member("rule", "paper").member("paper_positions", options.paper.positions);
  }
  json.key("measurement").open_object(kLines);
  for (const auto& [name, value] : named_options(file.options())) {
    // How much was kept changes no result.
    if (name != "keep") json.key(name).raw(value);
  }
  json.close().close();
}

void write_token(JsonWriter& json, const JudgedDocument& judged, int position) {
  json.member("position", position).member("document_position", position + judged.offset());
  json.member("token_id", judged.document.tokens.at(static_cast<std::size_t>(position)));
  json.text_member("text", judged.token(position));
}

void write_document_facts(JsonWriter& json, const JudgedDocument& judged) {
  const StoredDocument& document = judged.document;
  const Origin& first = judged.first_origin();
  json.text_member("id", first.id);
  json.member("chunk", first.chunk).member("document_offset", first.document_offset);
  json.key("origins").open_array(kInline);
  for (const Origin& origin : document.origins) {
    json.open_object(kInline).text_member("id", origin.id).member("line", origin.line).member("chunk", origin.chunk);
    json.member("document_offset", origin.document_offset).close();
  }
  json.close();
  json.member("n_tokens", document.figures.n_tokens).member("prompt_tokens", document.figures.prompt_tokens);
}

void write_primary(JsonWriter& json, const JudgedDocument& judged, const Primary& primary) {
  json.open_object(kInline);
  write_token(json, judged, primary.position);
  json.key("set");
  write_integers(json, primary.set);
  json.member("birth_layer", primary.birth_layer).member("birth_end", primary.birth_end);
  json.key("active_layers");
  write_intervals(json, primary.active_layers);
  json.key("early_plateau");
  write_intervals(json, primary.early_plateau);
  json.member("sink_axis_drift", primary.sink_axis_drift);
  json.member("norm_ratio_median", primary.norm_ratio_median).member("norm_ratio_max", primary.norm_ratio_max);
  json.member("score_mean", primary.score_mean).member("score_max", primary.score_max);
  json.member("far_boost_median", primary.far_boost_median).member("far_boost_max", primary.far_boost_max);
  json.member("value_norm_ratio", primary.value_norm_ratio).close();
}

void write_run(JsonWriter& json, const JudgedDocument& judged, const Run& run) {
  json.open_object(kInline);
  write_token(json, judged, run.position);
  json.member("verdict", name_of(run.verdict)).member("kind", name_of(run.kind)).member("run_index", run.run_index);
  json.member("l_start", run.l_start).member("l_end", run.l_end).member("lifetime", run.lifetime);
  json.member("attention_lifetime", run.attention_lifetime).member("censored", run.censored);
  json.key("broadcasts");
  run.value_norm_ratio ? json.value(run.broadcasts) : json.null();
  json.member("alignment_median", run.alignment_median);
  json.member("centred_alignment_median", run.centred_alignment_median);
  json.member("read_alignment_median", run.read_alignment_median);
  json.member("norm_ratio_median", run.norm_ratio_median).member("norm_ratio_max", run.norm_ratio_max);
  json.member("score_mean", run.score_mean).member("score_max", run.score_max);
  json.member("far_boost_median", run.far_boost_median).member("far_boost_max", run.far_boost_max);
  json.member("heads_over_10_max", run.heads_over_10_max);
  json.member("logit_gap", run.logit_gap).member("value_norm_ratio", run.value_norm_ratio);
  json.member("margin", run.margin);
  json.key("margins").open_object(kInline);
  json.member("alignment", run.margins.alignment).member("norm_ratio", run.margins.norm_ratio);
  json.member("far_boost", run.margins.far_boost).member("edge", run.margins.edge).close();
  json.close();
}

void write_runs(JsonWriter& json, const JudgedDocument& judged, const char* name, bool sinks) {
  json.key(name).open_array(kLines);
  for (const Run& run : judged.evidence->runs) {
    if ((run.verdict == Verdict::kSink) == sinks) write_run(json, judged, run);
  }
  json.close();
}

void write_counts(JsonWriter& json, const Counts& counts) {
  json.key("counts").open_object(kInline).key("by_kind").open_object(kInline);
  for (const SinkKind kind : kAllKinds) json.member(name_of(kind), counts.of(kind));
  json.close().key("by_verdict").open_object(kInline);
  for (const Verdict verdict : kAllVerdicts) json.member(name_of(verdict), counts.of(verdict));
  json.close().close();
}

void write_counts(JsonWriter& json, const PaperCounts& counts) {
  json.key("counts").open_object(kInline).key("by_label").open_object(kInline);
  for (std::size_t i = 0; i < kPaperLabels.size(); ++i) json.member(kPaperLabels[i], counts.by_label[i]);
  json.close().close();
}

void write_sequence(JsonWriter& json, const JudgedDocument& judged, bool other_runs) {
  const Detection& detection = *judged.evidence;
  json.open_object(kLines);
  write_document_facts(json, judged);
  json.member("n_watch_overflow", judged.document.figures.n_watch_overflow);
  json.key("primary");
  detection.primary ? write_primary(json, judged, *detection.primary) : static_cast<void>(json.null());
  json.key("no_primary_reason");
  detection.primary ? json.null() : json.value(detection.no_primary_reason);
  write_runs(json, judged, "sinks", true);
  if (other_runs) write_runs(json, judged, "other_runs", false);
  write_counts(json, judged.counts);
  json.close();
}

void write_paper_sequence(JsonWriter& json, const JudgedDocument& judged) {
  const PaperDetection& detection = *judged.paper;
  json.open_object(kLines);
  write_document_facts(json, judged);
  json.key("primary").open_object(kInline);
  write_token(json, judged, detection.primary);
  json.member("span_first", detection.span_first).member("span_last", detection.span_last).close();
  json.key("flagged").open_array(kLines);
  for (const PaperRun& run : detection.runs) {
    json.open_object(kInline);
    write_token(json, judged, run.position);
    json.member("label", run.label).member("first_layer", run.first_layer).member("last_layer", run.last_layer);
    json.member("layers_flagged", run.layers_flagged).close();
  }
  json.close();
  write_counts(json, judged.paper_counts);
  json.close();
}

class JsonView : public JudgedView {
 public:
  JsonView(const ScanFile& file, const ReportOptions& options, std::ostream& out)
      : file_(file), options_(options), out_(out), json_(out) {}

  void begin() override {
    json_.open_object(kLines).member("schema", "sinkscope.scan/1");
    write_model(json_, file_.model());
    write_options(json_, file_, options_);
    json_.key("sequences").open_array(kLines);
  }

  void see(const JudgedDocument& judged) override {
    if (judged.evidence) {
      write_sequence(json_, judged, options_.other_runs);
    } else {
      write_paper_sequence(json_, judged);
    }
  }

  void finish(const Totals& totals) override {
    json_.close().key("totals").open_object(kLines);
    json_.member("n_sequences", totals.n_documents).member("n_tokens", totals.n_tokens);
    options_.rule == Rule::kEvidence ? write_counts(json_, totals.counts) : write_counts(json_, totals.paper_counts);
    json_.close().close();
    if (!out_.flush()) throw Error(ErrorCode::kOutput, "JSON: writing failed; check the free space");
  }

 private:
  const ScanFile& file_;
  ReportOptions options_;
  std::ostream& out_;
  JsonWriter json_;
};

}  // namespace

std::unique_ptr<JudgedView> json_view(const ScanFile& file, const ReportOptions& options, std::ostream& out) {
  return std::make_unique<JsonView>(file, options, out);
}

void write_json(const ScanFile& file, const ReportOptions& options, std::ostream& out) {
  judge(file, options, *json_view(file, options, out));
}

}  // namespace sinkscope
