#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/local_server.h"
#include "cli/options/rule_options.h"
#include "cli/outputs.h"
#include "cli/verbs/verb.h"
#include "report/data/output_file.h"
#include "report/page/page.h"
#include "report/text/summary.h"

namespace sinkscope {
namespace {

// What both verbs are asked: which files, and how they are shown.
struct ReportVerbOptions {
  std::vector<std::string> files;
  std::string output;
  std::string summary;
  int port = 0;
  bool no_browser = false;
  HtmlOptions html;
  RuleOptions rule;
};

// Results files held open, under the names that reports call them by.
struct OpenScans {
  explicit OpenScans(const ReportVerbOptions& options) {
    const std::vector<std::string>& paths = options.files;
    check_different(paths);
    for (const std::string& path : paths) files.push_back(ScanFile::open(path));
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < files.size(); ++i) {
      named.push_back({std::filesystem::path(paths[i]).filename().string(), &files[i]});
      rules.push_back(rule_of(files[i], options.rule.report_options()));
    }
    check_rule_options(options.rule, rules);
  }
  std::vector<ScanFile> files;
  std::vector<NamedScan> named;
};

HtmlOptions html_options(const ReportVerbOptions& options) {
  HtmlOptions html = options.html;
  html.report = options.rule.report_options();
  return html;
}

ExitCode report(const ReportVerbOptions& options) {
  if (options.output.empty() && options.summary.empty()) {
    throw Error(ErrorCode::kUsage,
                "report: expected -o FILE for the page, --summary FILE for its overview as text, or both");
  }
  const OpenScans scans(options);
  const HtmlOptions html = html_options(options);
  std::vector<Overview> overviews;
  if (!options.output.empty()) {
    write_output(options.output, [&](std::ostream& out) { overviews = write_html(scans.named, html, out); });
  }
  if (!options.summary.empty()) {
    write_output(options.summary, [&](std::ostream& out) {
      if (overviews.empty()) {
        write_summary(scans.named, html.report, html.levels, out);
      } else {
        write_summary(scans.named, overviews, out);
      }
    });
  }
  return ExitCode::kDone;
}

// Whether a browser could be asked; nothing waits for it, and what it prints is nobody's business.
bool ask_browser(const std::string& address) {
  std::string program = "xdg-open", argument = address;
  const std::array<char*, 3> arguments = {program.data(), argument.data(), nullptr};
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return false;
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int status = posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return status == 0;
}

ExitCode open_report(const ReportVerbOptions& options) {
  std::ostringstream page;
  write_html(OpenScans(options).named, html_options(options), page);
  const auto ready = [&](const std::string& address) {
    std::cout << address << std::endl;
    const bool asked = !options.no_browser && ask_browser(address);
    std::cerr << (asked ? "sinkscope: shown in the browser; Ctrl-C ends it\n"
                        : "sinkscope: open this address in a browser; Ctrl-C ends it\n");
  };
  serve_page(page.str(), options.port, ready, interrupted);
  return ExitCode::kDone;
}

void add_shared_options(CLI::App& verb, ReportVerbOptions& options) {
  verb.add_option("FILE", options.files, "Results files, written by scan -o")->required()->type_name("FILE...");
  verb.add_option("--detail", options.html.detail_documents,
                  "Documents of each file with full layers x tokens maps: those with the most sinks")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(0, 1'000'000))
      ->group("Output");
  add_rule_options(verb, options.rule);
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
       {"sinkscope report out.scan.db --summary summary.md", "its overview as Markdown"},
       {"sinkscope report small.scan.db large.scan.db -o report.html", "two models, side by side"}},
      [options] { return report(*options); });
  add_shared_options(verb, *options);
  add_output_option(verb, "-o,--output", options->output, "FILE|-", MadeKind::kHtml,
                    "The HTML file to write; - is standard output");
  add_output_option(verb, "--summary", options->summary, "FILE|-", MadeKind::kSummary,
                    "Write the overview as text (Markdown) to this file; - is standard output");
}

void register_open(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ReportVerbOptions>();
  CLI::App& verb =
      add_verb(program, action, "open", "Show results files in the browser",
               "The page of `sinkscope report`, served on this machine alone until Ctrl-C. Its address is "
               "printed on standard output.",
               {{"sinkscope open out.scan.db", "look at a scan"}}, [options] { return open_report(*options); });
  add_shared_options(verb, *options);
  verb.add_option("--port", options->port, "The local port; 0 lets the system choose")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(0, 65535))
      ->group("Output");
  verb.add_flag("--no-browser", options->no_browser, "Only print the address")->group("Output");
}

}  // namespace sinkscope
