#include "api/shown.h"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "api/parts.h"
#include "base/error.h"
#include "report/data/ablate_json.h"
#include "report/data/explain_json.h"
#include "report/data/field_json.h"
#include "report/data/json.h"
#include "report/data/level_json.h"
#include "report/data/protect_json.h"
#include "report/page/page.h"
#include "store/explained_file.h"

namespace sinkscope {
namespace {

template <typename Write>
std::string written(const Write& write) {
  std::ostringstream out;
  write(out);
  return std::move(out).str();
}

// The texts as a results file in memory.
ScanFile file_of(std::span<const ScannedText> texts, bool with_arrays) {
  check_one_measurement("report", texts);
  const ScanOrigin& origin = *texts.front().parts().origin;
  MeasurementOptions measurement = origin.measurement;
  if (!with_arrays) measurement.keep = Keep::kRuns;
  ScanFile file = ScanFile::in_memory(model_of(texts), measurement, origin.run);
  for (const ScannedText& text : texts) {
    if (!(text.judged_by() == texts.front().judged_by())) {
      throw Error(ErrorCode::kUsage, "expected texts judged by the same thresholds; show them one by one");
    }
    ScannedDocument document = with_arrays ? whole_document(text, text.parts()) : *text.parts().document;
    if (!with_arrays) document.profiles.clear();
    file.add(document);
  }
  return file;
}

ReportOptions options_of(const ScannedText& text) {
  ReportOptions options;
  options.rule = Rule::kEvidence;
  options.thresholds = text.judged_by();
  return options;
}

std::string levels_json(LevelReport report, std::string model, std::span<const SinkKind> kinds,
                        const LevelOptions& options, std::function<std::string(TokenId)> token_bytes) {
  std::vector<FileLevels> files(1);
  files[0].model = std::move(model);
  for (const SinkKind kind : kinds) files[0].kinds.emplace_back(name_of(kind));
  files[0].report = std::move(report);
  files[0].token_bytes = std::move(token_bytes);
  return written([&](std::ostream& out) { write_levels_json(files, options, out); });
}

}  // namespace

std::string scan_json(std::span<const ScannedText> texts, bool other_runs) {
  const ScanFile file = file_of(texts, false);
  ReportOptions options = options_of(texts.front());
  options.other_runs = other_runs;
  return written([&](std::ostream& out) { write_json(file, options, out); });
}

std::string primary_json(const ScannedText& text) {
  return written([&](std::ostream& out) {
    JsonWriter json(out);
    if (!text.primary()) {
      json.null();
      return;
    }
    const int position = text.primary()->position;
    const std::vector<Origin>& origins = text.parts().document->origins;
    json.open_object(JsonLayout::kInline).member("position", position);
    json.member("document_position", position + (origins.empty() ? 0 : origins.front().document_offset));
    json.member("token_id", text.tokens()[static_cast<std::size_t>(position)]);
    json.text_member("text", text.token_bytes(position));
    write_fields(json, kPrimaryFields, *text.primary());
    json.close();
  });
}

std::string report_page(std::span<const ScannedText> texts, std::size_t max_bytes) {
  const ScanFile file = file_of(texts, true);
  const std::array scans = {NamedScan{"scan", &file}};
  HtmlOptions options;
  options.report = options_of(texts.front());
  std::string page = written([&](std::ostream& out) { write_html(scans, options, out); });
  if (page.size() <= max_bytes) return page;
  options.detail_documents = 0;
  return written([&](std::ostream& out) { write_html(scans, options, out); });
}

std::string levels_json(const Results& results, const LevelOptions& options, const Thresholds& thresholds,
                        std::span<const SinkKind> kinds) {
  const OpenFile& open = *results.state().open;
  return levels_json(results.levels(options, thresholds, kinds), results.model().name, kinds, options,
                     [&](TokenId token) {
                       const std::lock_guard lock(open.in_use);
                       return open.file.token_bytes(token);
                     });
}

std::string levels_json(std::span<const ScannedText> texts, const LevelOptions& options,
                        std::span<const SinkKind> kinds) {
  LevelReport report = levels_of(texts, options, kinds);
  return levels_json(std::move(report), texts.front().parts().origin->model->record.facts.name, kinds, options,
                     [&](TokenId token) -> std::string {
                       for (const ScannedText& text : texts) {
                         const auto found = std::ranges::find(text.tokens(), token);
                         if (found != text.tokens().end()) {
                           return text.token_bytes(static_cast<int>(found - text.tokens().begin()));
                         }
                       }
                       return {};
                     });
}

std::optional<std::string> explanation_json(const Results& results, const Thresholds& thresholds) {
  const OpenFile& open = *results.state().open;
  check_kept(open.file.options().floor, thresholds);
  const std::lock_guard lock(open.in_use);
  const auto explained = explained_of(open.file, thresholds);
  if (!explained) return std::nullopt;
  return written([&](std::ostream& out) {
    write_explain_json(open.file, explained->explanation, explained->request, out);
  });
}

std::string explanation_json(const Results& results, const Explanation& explanation, ExplainRequest request) {
  const OpenFile& open = *results.state().open;
  const std::lock_guard lock(open.in_use);
  request.run.min_distance = open.file.options().min_distance;
  return written([&](std::ostream& out) { write_explain_json(open.file, explanation, request, out); });
}

std::string ablation_json(const Results& results, const AblatedResults& ablated) {
  const OpenFile& open = *results.state().open;
  const std::lock_guard lock(open.in_use);
  return written([&](std::ostream& out) {
    write_ablate_json(open.file.model(), ablated.ablation, ablated.judgement, ablated.request, out);
  });
}

std::string protection_json(const Results& results, const ProtectedResults& found) {
  const OpenFile& open = *results.state().open;
  const std::lock_guard lock(open.in_use);
  const auto text_of = [&](TokenId token) { return open.file.token_bytes(token); };
  return written([&](std::ostream& out) {
    write_protect_json(open.file.model(), found.sequences, found.judgement, found.request, found.detector, text_of, out);
  });
}

}  // namespace sinkscope
