#include "report/page/scan_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <sstream>

#include "base/json_writer.h"
#include "report/data/json.h"
#include "report/data/level_json.h"
#include "report/data/number_json.h"
#include "report/file_levels.h"
#include "report/findings.h"
#include "report/page/chart_data.h"
#include "report/page/document_data.h"
#include "report/page/effects_data.h"
#include "report/page/explained_data.h"
#include "report/strength_chart.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

// The `count` documents with the most sinks; of equal ones the earlier.
std::vector<bool> with_most(const std::vector<std::int64_t>& sinks, int count) {
  std::vector<std::size_t> order(sinks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return sinks[a] > sinks[b]; });
  std::vector<bool> chosen(sinks.size(), false);
  for (std::size_t i = 0; i < std::min(order.size(), static_cast<std::size_t>(std::max(count, 0))); ++i) {
    chosen[order[i]] = true;
  }
  return chosen;
}

// Of sinks of every kind beside the primary.
std::string levels_json(const NamedScan& scan, Rule rule, const LevelReport& report, const LevelOptions& options) {
  FileLevels levels;
  levels.name = scan.name;
  levels.model = scan.file->model().facts.name;
  if (rule == Rule::kPaper) {
    levels.kinds.assign(kPaperLabels.begin(), kPaperLabels.end());
  } else {
    levels.kinds = {"primary_like", "secondary", "unaligned"};
  }
  levels.report = report;
  levels.token_bytes = [&](TokenId token) { return scan.file->token_bytes(token); };
  std::ostringstream out;
  write_levels_json({levels}, options, out);
  return out.str();
}

void write_texts(JsonWriter& json, const char* name, const std::vector<std::string>& texts) {
  json.key(name).open_array(kInline);
  for (const std::string& text : texts) json.value(text);
  json.close();
}

void write_program_runs(JsonWriter& json, const ScanFile& file) {
  json.key("program_runs").open_array(kInline);
  for (const ProgramRun& run : file.program_runs()) {
    json.open_object(kInline).member("sinkscope_version", run.sinkscope_version);
    json.member("llama_version", run.llama_version).member("compiler", run.compiler);
    json.member("precision", run.precision).member("cpu_features", run.cpu_features);
    json.member("n_threads", run.n_threads).close();
  }
  json.close();
}

}  // namespace

std::string document_block_id(int scan_index, std::size_t document) {
  return fmt::format("block-{}-{}", scan_index, document);
}

DocumentBlocks::DocumentBlocks(const NamedScan& scan, const HtmlOptions& options)
    : scan_(scan), options_(options), all_detailed_(options.detail_documents >= scan.file->n_documents()) {}

DocumentBlocks::Extent DocumentBlocks::spooled(const std::string& block) {
  const Extent extent{spool_.size(), block.size()};
  spool_.append(block);
  return extent;
}

void DocumentBlocks::see(const JudgedDocument& judged) {
  blocks_.push_back(spooled(document_block(judged, all_detailed_)));
  keys_.push_back(judged.document.key);
  sinks_.push_back(judged.counts.sinks());
}

void DocumentBlocks::finish(const Totals&) {
  has_detail_ = with_most(sinks_, options_.detail_documents);
  if (all_detailed_ || scan_.file->options().keep == Keep::kRuns) return;
  // Which documents are drawn in detail is known only now, so these few are read again.
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (!has_detail_[i]) continue;
    const StoredDocument document = scan_.file->document(static_cast<std::int64_t>(i));
    blocks_[i] = spooled(document_block(judge_document(*scan_.file, document, options_.report), true));
  }
}

void DocumentBlocks::write(std::size_t document, std::ostream& out) const {
  const auto& [first, n_bytes] = blocks_[document];
  spool_.read(first, n_bytes, [&](std::string_view piece) { out << piece; });
}

Overview write_scan_data(const NamedScan& scan, int scan_index, const HtmlOptions& options, DocumentBlocks& blocks,
                         std::ostream& out) {
  const ScanFile& file = *scan.file;
  JsonWriter json(out);
  json.open_object(kInline).member("file", std::string_view(scan.name)).member("keep", name_of(file.options().keep));
  json.key("scan").raw("");  // followed by what the view writes
  const auto results = json_view(file, options.report, out);
  const std::array<JudgedView*, 2> views = {results.get(), &blocks};
  Overview overview = overview_of(file, options.report, options.levels, views);
  json.key("documents").open_array(kInline);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    json.open_object(kInline).member("key", blocks.key(i)).member("block", document_block_id(scan_index, i));
    json.member("detail", blocks.has_detail(i)).close();
  }
  json.close();
  json.key("levels").raw(levels_json(scan, overview.found.rule, overview.levels, options.levels));
  json.key("strength");
  write_chart(json, strength_chart(overview.corpus, overview.found.rule), "levels");
  json.member("headline", overview.found.headline);
  const AttentionTaken& taken = overview.found.taken;
  json.key("attention_taken").open_object(kInline).member("n_texts", taken.n_texts).member("n_with_sinks", taken.n_with_sinks);
  json.member("sinks", number(taken.sinks)).member("primary", number(taken.primary)).close();
  write_texts(json, "findings", overview.found.sentences);
  write_texts(json, "warnings", overview.found.warnings);
  write_program_runs(json, file);
  write_explained(json, file, overview.found.rule, options.report);
  write_effects(json, file, overview.found.rule);
  json.close();
  return overview;
}

}  // namespace sinkscope
