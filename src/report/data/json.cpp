#include "report/data/json.h"

#include <algorithm>
#include <functional>
#include <ostream>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/field_json.h"
#include "report/data/model_json.h"
#include "sinks/attention_shares.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

void write_options(JsonWriter& json, const ScanFile& file, const ReportOptions& options) {
  json.key("options").open_object(kLines);
  if (rule_of(file, options) == Rule::kEvidence) {
    json.member("rule", "evidence").key("thresholds").open_object(kLines);
    write_fields(json, kThresholdFields, options.thresholds);
    json.close();
  } else {
    json.member("rule", "paper").member("paper_positions", paper_of(file, options).positions);
  }
  json.key("measurement").open_object(kLines);
  for (const auto& [name, value] : named_options(file.options())) {
    // How much was kept, and which rule is asked for first, changes no result.
    if (name != "keep" && name != "rule" && name != "paper_positions") json.key(name).raw(value);
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
  json.member("document", document.key);
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
  write_fields(json, kPrimaryFields, primary);
  json.close();
}

void write_run(JsonWriter& json, const JudgedDocument& judged, const Run& run) {
  json.open_object(kInline);
  write_token(json, judged, run.position);
  write_fields(json, kRunFields, run);
  json.close();
}

void write_runs(JsonWriter& json, const JudgedDocument& judged, const char* name, bool sinks) {
  json.key(name).open_array(kLines);
  for (const Run& run : judged.evidence->runs) {
    if ((run.verdict == Verdict::kSink) == sinks) write_run(json, judged, run);
  }
  json.close();
}

void write_groups(JsonWriter& json, const Detection& detection, const char* name, bool sinks) {
  json.key(name).open_array(kLines);
  for (const SinkGroup& group : detection.groups) {
    if ((group.verdict == Verdict::kSink) != sinks) continue;
    json.open_object(kInline);
    write_fields(json, kGroupFields, group);
    json.member("counted", detection.counts(group)).close();
  }
  json.close();
}

void write_attention(JsonWriter& json, const AttentionShares& shares) {
  json.key("attention").open_object(kLines);
  for (const SinkKind kind : kAllKinds) {
    json.key(name_of(kind));
    write_value(json, shares.of(kind));
  }
  json.key("learned");
  write_value(json, shares.learned);
  json.key("other");
  write_value(json, shares.other);
  json.close();
}

void write_counts(JsonWriter& json, const Counts& counts) {
  json.key("counts").open_object(kInline);
  json.member("sinks", counts.sinks()).member("eligible_sinks", counts.eligible_sinks());
  json.key("by_kind").open_object(kInline);
  for (const SinkKind kind : kAllKinds) json.member(name_of(kind), counts.of(kind));
  json.close().member("groups", counts.groups).member("groups_counted", counts.counted_groups);
  json.member("group_tokens", counts.group_tokens).key("other_runs").open_object(kInline);
  for (const Verdict verdict : kAllVerdicts) {
    if (verdict != Verdict::kSink) json.member(name_of(verdict), counts.alone(verdict));
  }
  json.member("of_groups", counts.other_runs_of_groups()).close().close();
}

void write_counts(JsonWriter& json, const PaperCounts& counts) {
  json.key("counts").open_object(kInline).key("by_label").open_object(kInline);
  for (std::size_t i = 0; i < kPaperLabels.size(); ++i) json.member(kPaperLabels[i], counts.by_label[i]);
  json.close().close();
}

void write_first_token(JsonWriter& json, const TokenProfile& token) {
  json.key("first_token").open_object(kInline);
  for (const std::string_view name : kFirstTokenFigures) {
    json.key(name);
    write_value(json,
                token.*std::ranges::find(kTokenFields, name, [](const auto& field) { return field.name; })->member);
  }
  json.close();
}

void write_sequence(JsonWriter& json, const JudgedDocument& judged, bool other_runs) {
  const Detection& detection = *judged.evidence;
  json.open_object(kLines);
  write_document_facts(json, judged);
  json.member("eligible_tokens", judged.counts.eligible_tokens);
  json.member("n_padding", judged.document.figures.n_padding);
  json.member("n_watch_overflow", judged.document.figures.n_watch_overflow);
  json.key("primary");
  detection.primary ? write_primary(json, judged, *detection.primary) : static_cast<void>(json.null());
  json.key("no_primary_reason");
  detection.primary ? json.null() : json.value(detection.no_primary_reason);
  write_runs(json, judged, "sinks", true);
  write_groups(json, detection, "groups", true);
  if (other_runs) {
    write_runs(json, judged, "other_runs", false);
    write_groups(json, detection, "other_groups", false);
  }
  write_attention(json, attention_shares(judged.document.figures, detection));
  write_counts(json, judged.counts);
  write_first_token(json, judged.document.figures.first_positions.front());
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
    json_.open_object(kLines).member("schema", "sinkscope.scan/4");
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
    if (rule_of(file_, options_) == Rule::kEvidence) {
      json_.member("eligible_tokens", totals.counts.eligible_tokens);
      write_counts(json_, totals.counts);
    } else {
      write_counts(json_, totals.paper_counts);
    }
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
