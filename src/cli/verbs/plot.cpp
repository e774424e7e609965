#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/options/rule_options.h"
#include "cli/outputs.h"
#include "cli/verbs/verb.h"
#include "report/data/output_file.h"
#include "report/figure/figures.h"

namespace sinkscope {
namespace {

struct PlotOptions {
  std::string file;
  std::string output = "-";
  std::string theme = "light";
  FigureOptions figure;
  RuleOptions rule;
};

// Twice as fine as a screen, for print.
constexpr double kPixelDensity = 2;

// Whether the file's name asks for pixels.
bool is_png(const std::string& output) {
  const std::string ending = std::filesystem::path(output).extension().string();
  return ending == ".png" || ending == ".PNG";
}

// throws  Error{kUsage} if the file's name asks for what is neither SVG nor PNG
void check_ending(const std::string& output) {
  const std::string ending = std::filesystem::path(output).extension().string();
  if (output == "-" || ending.empty() || ending == ".svg" || ending == ".SVG" || is_png(output)) return;
  throw Error(ErrorCode::kUsage, "--output: expected a name that ends in .svg or .png, got '" + output + "'");
}

ExitCode plot(const PlotOptions& options) {
  check_ending(options.output);
  const bool pixels = is_png(options.output);
  const ScanFile file = ScanFile::open(options.file);
  FigureOptions figure = options.figure;
  figure.dark = options.theme == "dark";
  figure.report = options.rule.report_options();
  check_rule_options(options.rule, {{rule_of(file, figure.report)}});
  const NamedScan scan{std::filesystem::path(options.file).filename().string(), &file};
  write_output(options.output, [&](std::ostream& out) {
    pixels ? write_figure_png(scan, figure, kPixelDensity, out) : write_figure(scan, figure, out);
  });
  return ExitCode::kDone;
}

}  // namespace

void register_plot(CLI::App& program, Action& action) {
  const auto options = std::make_shared<PlotOptions>();
  std::string description = "The figures of `sinkscope report`, without a browser, for papers and slides.";
  std::vector<std::string> names;
  for (const FigureName& figure : figures()) {
    names.emplace_back(figure.name);
    description += (names.size() == 1 ? " " : "; ") + names.back() + ": " + std::string(figure.what);
  }
  CLI::App& verb = add_verb(
      program, action, "plot", "Draw one figure of a results file as SVG or PNG", description + ".",
      {{"sinkscope plot out.scan.db --figure levels -o levels.svg", "the sink levels of a corpus"},
       {"sinkscope plot out.scan.db --figure map --quantity norm_ratio -o map.svg", "norm ratios by layer and token"},
       {"sinkscope plot out.scan.db --figure strength -o strength.png", "as pixels, by the machine's librsvg"}},
      [options] { return plot(*options); });
  verb.add_option("FILE", options->file, "A results file, written by scan -o")->required()->type_name("FILE");
  add_choice(verb, "--figure", options->figure.figure, names, "What is drawn")->required()->group("Output");
  verb.add_option("--quantity", options->figure.quantity,
                  "Of map and rows: far_boost, sink_score, norm_ratio, alignment and what else the report's maps "
                  "offer; of heads: sink_score, far_boost; of norms: hidden_norm, key_norm, value_norm")
      ->type_name("NAME")
      ->group("Output");
  verb.add_option("--document", options->figure.document, "The document, counted from 0")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(0, std::int64_t{1} << 40))
      ->group("Output");
  verb.add_option("--token", options->figure.token,
                  "Of heads: the position of the primary or a sink; by default the first sink")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000'000))
      ->group("Output");
  verb.add_option("--width", options->figure.width, "Of the drawing, in pixels")
      ->type_name("N")
      ->capture_default_str()
      ->check(whole_number(300, 10'000))
      ->group("Output");
  add_choice(verb, "--theme", options->theme, {"light", "dark"}, "Its colours")->capture_default_str()->group("Output");
  add_output_option(verb, "-o,--output", options->output, "FILE|-",
                    [options] { return is_png(options->output) ? MadeKind::kPng : MadeKind::kSvg; },
                    "The SVG or, by a name that ends in .png, PNG file to write; - is standard output, as SVG")
      ->capture_default_str();
  add_rule_options(verb, options->rule);
}

}  // namespace sinkscope
