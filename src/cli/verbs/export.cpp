#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "base/error.h"
#include "cli/options/rule_options.h"
#include "cli/outputs.h"
#include "cli/verbs/verb.h"
#include "report/data/ablate_json.h"
#include "report/data/csv.h"
#include "report/data/csv_table.h"
#include "report/data/explain_json.h"
#include "report/data/json.h"
#include "report/data/keep_json.h"
#include "report/data/output_file.h"
#include "report/data/protect_json.h"
#include "report/data/safetensors.h"
#include "report/effect_table.h"
#include "report/shown_effects.h"
#include "store/explained_file.h"

namespace sinkscope {
namespace {

struct ExportOptions {
  std::string file;
  std::string format;
  std::string what = "runs";
  std::string output = "-";
  std::optional<std::int64_t> document;
  RuleOptions rule;
};

MadeKind exported_kind(const ExportOptions& options) {
  const std::string& format = options.format;
  if (format == "csv") return options.what == "edits" ? MadeKind::kEffectTable : MadeKind::kRunTable;
  if (format == "safetensors") return MadeKind::kProfiles;
  if (format == "keep") return MadeKind::kKeep;
  if (format == "explain") return MadeKind::kExplain;
  return options.what == "edits" ? MadeKind::kAblate : options.what == "protect" ? MadeKind::kProtect : MadeKind::kScan;
}

ExitCode export_results(const ExportOptions& options) {
  const ScanFile file = ScanFile::open(options.file);
  const ReportOptions report = options.rule.report_options();
  const bool arrays = options.format == "safetensors";
  check_rule_options(options.rule, {{rule_of(file, report)}});
  if (!arrays) check_answerable(file, report);
  if (arrays && options.output == "-" && isatty(STDOUT_FILENO) == 1) {
    throw Error(ErrorCode::kUsage, "safetensors is no text for a terminal: give -o FILE");
  }
  if (!arrays && options.document) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--document chooses arrays of --format safetensors, got {}", options.format));
  }
  std::optional<ShownAblation> ablated;
  if (options.what == "edits") {
    if (options.format != "json" && options.format != "csv") {
      throw Error(ErrorCode::kUsage, fmt::format("--what edits is written as json or csv, got {}", options.format));
    }
    ablated = shown_ablation(file);
    if (!ablated) {
      throw Error(ErrorCode::kInput, fmt::format("'{}': no sinks were taken away yet: run `sinkscope ablate -m MODEL.gguf {}`",
                                                 options.file, options.file));
    }
  }
  std::optional<ShownProtection> kept;
  if (options.what == "protect") {
    if (options.format != "json") {
      throw Error(ErrorCode::kUsage, fmt::format("--what protect is written as json, got {}", options.format));
    }
    kept = shown_protection(file);
    if (!kept) {
      throw Error(ErrorCode::kInput, fmt::format("'{}': no cache was measured yet: run `sinkscope protect -m MODEL.gguf {}`",
                                                 options.file, options.file));
    }
  }
  std::optional<ExplainedFile> explained;
  if (options.format == "explain") {
    explained = explained_of(file, report.thresholds);
    if (!explained) {
      throw Error(ErrorCode::kInput, fmt::format("'{}' was not explained yet: run `sinkscope explain -m MODEL.gguf {}`",
                                                 options.file, options.file));
    }
  }
  write_output(options.output, [&](std::ostream& out) {
    if (ablated && options.format == "csv") {
      write_csv_table(block_effect_table(ablated->file.ablation, ablated->file.request), out);
    } else if (ablated) {
      write_ablate_json(file.model(), ablated->file.ablation, ablated->judged, ablated->file.request, out);
    } else if (kept) {
      write_protect_json(file.model(), kept->file.sequences, kept->judged, kept->file.request, kept->file.detector,
                         [&](TokenId token) { return file.token_bytes(token); }, out);
    } else if (arrays) {
      write_safetensors(file, options.document, out);
    } else if (options.format == "csv") {
      write_csv(file, report, out);
    } else if (options.format == "keep") {
      write_keep_json(file, report, out);
    } else if (explained) {
      write_explain_json(file, explained->explanation, explained->request, out);
    } else {
      write_json(file, report, out);
    }
  });
  return ExitCode::kDone;
}

}  // namespace

void register_export(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App& verb = add_verb(
      program, action, "export", "Write a results file as JSON, CSV or safetensors",
      "json: schema sinkscope.scan/4, equal bytes for equal results. csv: one row a run, whatever its verdict, and one "
      "a primary. safetensors: the arrays by layer and token that were kept (scan --keep profiles or heads); NaN "
      "stands where nothing was measured. keep: schema sinkscope.keep/1, the primary and the sinks with the blocks that read them, for caches. explain: schema sinkscope.explain/1, of a file that `sinkscope explain` has "
      "been "
      "run on.",
      {{"sinkscope export out.scan.db --format csv -o runs.csv", "every run with its figures, for a spreadsheet"},
       {"sinkscope export out.scan.db --format json --what protect -o protect.json",
        "which tokens a cache must keep, as measured before"},
       {"sinkscope export out.scan.db --format safetensors --document 0 -o profiles.safetensors",
        "the arrays of the first document"}},
      [options] { return export_results(*options); });
  verb.add_option("FILE", options->file, "A results file, written by scan -o")->required()->type_name("FILE");
  add_choice(verb, "--format", options->format, {"json", "csv", "safetensors", "keep", "explain"}, "What is written")
      ->required()
      ->group("Output");
  add_choice(verb, "--what", options->what, {"runs", "edits", "protect"},
             "Of json and csv: runs of the scan, or what `sinkscope ablate` measured: schema sinkscope.ablate/1, or one row a "
             "block and run; of json what `sinkscope protect` measured: schema sinkscope.protect/1")
      ->capture_default_str()
      ->group("Output");
  add_output_option(verb, "-o,--output", options->output, "FILE|-", [options] { return exported_kind(*options); },
                    "Where to; - is standard output");
  verb.add_option("--document", options->document, "The arrays of this document only, counted from 0")
      ->type_name("N")
      ->check(whole_number(0, std::int64_t{1} << 40))
      ->group("Output");
  add_rule_options(verb, options->rule);
}

}  // namespace sinkscope
