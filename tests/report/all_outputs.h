#pragma once

#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "report/data/level_json.h"
#include "report/figure/figures.h"
#include "report/page/page.h"
#include "report/text/level_terminal.h"
#include "report/text/summary.h"
#include "report/text/terminal.h"
#include "tests/report/page/unpacked.h"
#include "tests/report/planted.h"

namespace sinkscope::testing_samples {

inline ScanFile file_of(const std::vector<ScannedDocument>& records) {
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  for (const auto& record : records) file.add(record);
  return file;
}

// Every output of a file, as text.
struct Outputs {
  std::string terminal, summary, levels, levels_figure;
  nlohmann::json scan, level_json, page;

  explicit Outputs(const ScanFile& file, const ReportOptions& options = {}) {
    const NamedScan scan_of{"x.scan.db", &file};
    terminal = written([&](std::ostream& out) { write_terminal(file, options, {}, out); });
    summary = written([&](std::ostream& out) { write_summary(std::span(&scan_of, 1), options, LevelOptions{}, out); });
    FileLevels all;
    all.name = "x.scan.db";
    all.model = file.model().facts.name;
    all.kinds = {"primary_like", "secondary", "unaligned"};
    all.report = find_levels(corpus_of(file, options), {});
    all.token_bytes = [&](TokenId token) { return file.token_bytes(token); };
    levels = written([&](std::ostream& out) { write_levels_terminal({all}, {}, out); });
    level_json = nlohmann::json::parse(written([&](std::ostream& out) { write_levels_json({all}, {}, out); }));
    scan = nlohmann::json::parse(json_of(file, options));
    HtmlOptions html;
    html.report = options;
    const std::string text = written([&](std::ostream& out) { write_html(std::span(&scan_of, 1), html, out); });
    const std::regex index("id=\"index\">([^<]*)<");
    std::smatch found;
    if (std::regex_search(text, found, index)) page = unpacked(found[1].str()).json.at("head").at("scans").at(0);
    FigureOptions figure;
    figure.figure = "levels";
    figure.report = options;
    // A file without a sink has no such figure.
    if (all.report.all.total() > 0) levels_figure = written([&](std::ostream& out) { write_figure(scan_of, figure, out); });
  }

  template <typename Write>
  static std::string written(const Write& write) {
    std::ostringstream out;
    write(out);
    return out.str();
  }
};

// All that a pattern with n groups finds, its groups joined by blanks; thousands without their commas.
inline std::multiset<std::string> all_of(const std::string& text, const std::string& pattern) {
  std::multiset<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    std::string groups;
    for (std::size_t g = 1; g < at->size(); ++g)
      groups += (g > 1 ? " " : "") + std::regex_replace((*at)[g].str(), std::regex(","), "");
    found.insert(groups);
  }
  return found;
}

}  // namespace sinkscope::testing_samples
