#include "report/page/scan_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <sstream>
#include <utility>

#include "base/json_writer.h"
#include "report/data/json.h"
#include "report/data/level_json.h"
#include "report/file_levels.h"
#include "report/findings.h"

namespace sinkscope {
namespace {

constexpr auto kInline = JsonLayout::kInline;

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
std::string levels_json(const NamedScan& scan, LevelReport&& report, const LevelOptions& options) {
  FileLevels levels;
  levels.name = scan.name;
  levels.model = scan.file->model().facts.name;
  levels.kinds = {"primary_like", "secondary", "unaligned"};
  levels.report = std::move(report);
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

ScanData scan_data(const NamedScan& scan, int scan_index, const HtmlOptions& options) {
  const ScanFile& file = *scan.file;
  LevelReport levels = levels_of_all_kinds(file, options.report, options.levels);
  const Findings found = find_out(file, options.report, levels);
  std::vector<std::int64_t> sinks;
  for (const FoundText& text : found.texts) sinks.push_back(text.counts.of(Verdict::kSink));
  std::vector<std::string> keys;
  file.for_each_place([&](std::int64_t, const std::string& key, std::vector<Origin>&&) { keys.push_back(key); });
  ScanData data;
  data.has_detail = with_most(sinks, options.detail_documents);

  std::ostringstream results;
  write_json(file, options.report, results);
  std::ostringstream out;
  JsonWriter json(out);
  json.open_object(kInline).member("file", std::string_view(scan.name)).member("keep", name_of(file.options().keep));
  json.key("scan").raw(results.str());
  json.key("documents").open_array(kInline);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    json.open_object(kInline).member("key", keys[i]).member("block", document_block_id(scan_index, i));
    json.member("detail", static_cast<bool>(data.has_detail[i])).close();
  }
  json.close();
  json.key("levels").raw(levels_json(scan, std::move(levels), options.levels));
  write_texts(json, "findings", found.sentences);
  write_texts(json, "warnings", found.warnings);
  write_program_runs(json, file);
  json.close();
  data.json = out.str();
  return data;
}

}  // namespace sinkscope
