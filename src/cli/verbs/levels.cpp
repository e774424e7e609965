#include "levels/levels.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "cli/options/rule_options.h"
#include "cli/outputs.h"
#include "cli/verbs/verb.h"
#include "report/data/level_json.h"
#include "report/data/output_file.h"
#include "report/file_levels.h"
#include "report/text/level_terminal.h"
#include "store/import_file.h"
#include "store/scan_file.h"

namespace sinkscope {
namespace {

struct LevelsOptions {
  std::vector<std::string> files;
  std::vector<std::string> kinds = {"secondary"};
  LevelOptions levels;
  RuleOptions rule;
  std::string json;
};

bool is_wanted(const CorpusSink& sink, const std::vector<std::string>& kinds) {
  return std::ranges::find(kinds, name_of(sink.kind)) != kinds.end();
}

FileLevels levels_of_scan(const std::string& path, const LevelsOptions& options) {
  const auto file = std::make_shared<const ScanFile>(ScanFile::open(path));
  check_answerable(*file, options.rule.report_options());
  note_other_rule(*file, path);
  SinkCorpus corpus;
  corpus.n_layers = file->model().facts.n_layers;
  file->for_each_corpus_document(options.rule.thresholds, [&](CorpusDocument&& document) {
    std::erase_if(document.sinks, [&](const CorpusSink& sink) { return !is_wanted(sink, options.kinds); });
    corpus.documents.push_back(std::move(document));
  });
  FileLevels levels;
  levels.model = file->model().facts.name;
  levels.report = find_levels(corpus, options.levels);
  levels.token_bytes = [file](TokenId token) { return file->token_bytes(token); };
  return levels;
}

FileLevels levels_of_import(const std::string& path, const LevelsOptions& options) {
  const ImportFile file(path);
  if (!(options.rule.thresholds == Thresholds{})) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("{}: holds imported records, to which thresholds cannot be applied: of them only the layers "
                    "that were flagged are known",
                    path));
  }
  SinkCorpus corpus;
  corpus.n_layers = file.model().n_layers;
  file.for_each_document([&](ImportedDocument&& imported) {
    CorpusDocument document = corpus_document_of(imported, file.model(), corpus.labels);
    std::erase_if(document.sinks, [&](const CorpusSink& sink) { return !is_wanted(sink, options.kinds); });
    corpus.documents.push_back(std::move(document));
  });
  FileLevels levels;
  levels.model = file.model().name;
  levels.imported = true;
  levels.report = find_levels(corpus, options.levels);
  return levels;
}

ExitCode levels(const LevelsOptions& options) {
  check_different(options.files);
  std::vector<FileLevels> files;
  for (const std::string& path : options.files) {
    const bool imported = results_kind(path) == ResultsKind::kImport;
    files.push_back(imported ? levels_of_import(path, options) : levels_of_scan(path, options));
    files.back().name = std::filesystem::path(path).filename().string();
    files.back().kinds = options.kinds;
  }
  if (!options.json.empty()) {
    write_output(options.json, [&](std::ostream& out) { write_levels_json(files, options.levels, out); });
    if (options.json == "-") return ExitCode::kDone;
  }
  write_levels_terminal(files, TerminalStyle::of(STDOUT_FILENO), std::cout);
  return ExitCode::kDone;
}

}  // namespace

void register_levels(CLI::App& program, Action& action) {
  const auto options = std::make_shared<LevelsOptions>();
  CLI::App& verb = add_verb(
      program, action, "levels", "Find the levels of a corpus: pairs of layers in which sinks recur",
      "A level is a cluster of (l_start, l_end) over the sinks of a corpus. How many there are is decided by the Bayes "
      "criterion, and each must be found again in most bootstraps over documents. Ends that lie against the primary's "
      "or "
      "the network's are known as \"at least so late\". Rates are per 1000 tokens that could be such a sink, with a 95 "
      "% "
      "interval by bootstrap over documents. Several files are also shown side by side, by layer and by depth "
      "fraction.",
      {{"sinkscope levels r1.scan.db", "the levels of one model"},
       {"sinkscope levels small.scan.db large.scan.db", "two models, side by side"},
       {"sinkscope levels gemma.scan.db --kinds primary_like secondary", "sinks born with the primary as well"},
       {"sinkscope levels r1.scan.db --json - | jq '.files[].levels[].rate'", "as JSON, for other programs"}},
      [options] { return levels(*options); });
  verb.add_option("FILE", options->files, "Results files: of scan, import or merge")->required()->type_name("FILE");
  verb.add_option("--kinds", options->kinds, "Kinds of sinks that levels are made of")
      ->type_name("KIND ...")
      ->check([](const std::string& kind) {
        const bool known = kind == "secondary" || kind == "primary_like" || kind == "unaligned";
        return known ? std::string() : fmt::format("expected secondary, primary_like or unaligned, got '{}'", kind);
      })
      ->group("Levels");
  verb.add_option("--separation", options->levels.separation, "Centres closer than so many layers are one level")
      ->type_name("N")
      ->check(whole_number(1, 100))
      ->group("Levels");
  verb.add_option("--bootstraps", options->levels.n_bootstraps, "Bootstraps over documents, for stability")
      ->type_name("N")
      ->check(whole_number(1, 10000))
      ->group("Levels");
  verb.add_option("--min-stability", options->levels.min_stability, "Fraction of bootstraps that must find a level")
      ->type_name("X")
      ->check(number(0.0, 1.0))
      ->group("Levels");
  verb.add_option("--seed", options->levels.seed, "Of the bootstraps")->type_name("N")->group("Levels");
  add_threshold_options(verb, options->rule);
  add_json_option(verb, options->json, MadeKind::kLevels);
}

}  // namespace sinkscope
