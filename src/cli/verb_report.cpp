#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/paths.h"
#include "cli/rule_options.h"
#include "cli/verb.h"
#include "report/html/html.h"
#include "report/output_file.h"

namespace sinkscope {
namespace {

struct ReportVerbOptions {
  std::vector<std::string> files;
  std::string output;
  HtmlOptions html;
  RuleOptions rule;
};

ExitCode report(const ReportVerbOptions& options) {
  std::vector<ScanFile> files;
  for (const std::string& path : options.files) files.push_back(ScanFile::open(path));
  std::vector<NamedScan> scans;
  for (std::size_t i = 0; i < files.size(); ++i) {
    scans.push_back({std::filesystem::path(options.files[i]).filename().string(), &files[i]});
  }
  HtmlOptions html = options.html;
  html.report = options.rule.report_options();
  check_writable(options.output);
  write_output(options.output, [&](std::ostream& out) { write_html(scans, html, out); });
  return ExitCode::kDone;
}

}  // namespace

void register_report(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ReportVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "report", "Write results files as one HTML page to read, explore and share",
      "The page holds its data and needs no network: it opens from disk in any current browser. It shows what was "
      "found, the text with its sinks, maps of layers x tokens, norms by layer, sink levels, and the methods. Maps "
      "need results that were scanned with --keep profiles, which one text does by itself.",
      {{"sinkscope report out.scan.db -o report.html", "one scan"},
       {"sinkscope report small.scan.db large.scan.db -o report.html", "two models, side by side"}},
      [options] { return report(*options); });
  verb.add_option("FILE", options->files, "Results files, written by scan -o")->required()->type_name("FILE...");
  verb.add_option("-o,--output", options->output, "The HTML file to write; - is standard output")
      ->required()
      ->type_name("FILE|-")
      ->group("Output");
  verb.add_option("--detail", options->html.detail_documents,
                  "Documents of each file with full layers x tokens maps: those with the most sinks")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(0, 1'000'000))
      ->group("Output");
  add_rule_options(verb, options->rule);
}

}  // namespace sinkscope
