#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/scanned_text.h"
#include "formation/judge_explanation.h"
#include "impact/detected_cache.h"
#include "impact/judge_ablation.h"
#include "impact/judge_protection.h"
#include "levels/levels.h"
#include "probe/model_facts.h"
#include "report/effect_table.h"
#include "report/run_table.h"
#include "store/merge.h"

namespace sinkscope {

// What taking sinks away did.
struct AblatedResults {
  AblateRequest request;
  Ablation ablation;         // by edit and text
  JudgedAblation judgement;  // effects over documents, and verdicts
};

// What caches lose that keep some tokens.
struct ProtectedResults {
  ProtectRequest request;
  std::vector<SequenceProtection> sequences;  // those that are long enough for some cache
  JudgedProtection judgement;                 // by cache and set, and what is recommended
  std::optional<MeasuredDetector> detector;   // of Scanner::detector, if its figures are to be shown with these
};

// Writes texts into a results file, which the program's show, report, export and levels read.
//
// path    a new file, or one of the same model and the same measurement, to which they are added; texts that are in it
//         already are not written twice
// texts   at least one; of one model, measured in one way
// throws  Error{kOutput} if the file cannot be written; Error{kInput} if it holds results of another model or
//         another measurement, or the texts are of several, before anything is written; Error{kUsage} without a text
// cost    the first time for a scanner, the model's file is read for its digest: about a second a gigabyte
void save(const std::string& path, std::span<const ScannedText> texts);

// Puts results files of one model and one measurement into a new one, as the program's `merge` does: documents are
// ordered by file, line, chunk and name, whatever the order of the files and the steps of merging; a document that
// several hold is kept once, with all its places.
//
// output  a file that is not there yet
// throws  Error{kInput} if they are of different models or measurements; Error{kOutput} if it cannot be written
// cost    memory of all documents' names
MergeSummary merge(std::span<const std::string> files, const std::string& output);

// A results file that is open for reading. A value that shares the open file; one thread at a time.
class Results {
 public:
  // throws  Error{kInput} if there is no such file, or it is no results file
  explicit Results(const std::string& path);

  const ModelFacts& model() const;
  // What of the model's file, the settings or a scan is to be known before figures are trusted, a sentence each.
  const std::vector<std::string>& notes() const;
  std::int64_t n_texts() const;
  // One text, judged under the thresholds. It keeps the file open.
  //
  // i       from 0, in the order in which texts were stored
  // throws  Error{kInput} if there is no such text, or it is damaged
  ScannedText text(std::int64_t i, const Thresholds& thresholds = {}) const;
  // Levels of the sinks of all texts, the primaries not among them.
  //
  // kinds   sinks of these kinds; empty: all
  // throws  as text(); as find_levels
  // cost    reads a few bytes a text; see find_levels
  LevelReport levels(const LevelOptions& options = {}, const Thresholds& thresholds = {},
                     std::span<const SinkKind> kinds = {}) const;
  // One row a sink, primaries among them, of all texts.
  //
  // throws  as text()
  // cost    reads the figures of every text, none of its arrays
  RunTable table(const Thresholds& thresholds = {}, TableRows rows = TableRows::kSinks) const;
  // What `ablate` measured: of several commands the last that measured something, under their thresholds and the usual
  // margins; nothing if no sinks were taken away.
  std::optional<AblatedResults> effects() const;
  // What `protect` measured, likewise; nothing if no cache was measured.
  std::optional<ProtectedResults> protection() const;
  // What `explain` measured, judged under the thresholds; nothing if the file was not explained.
  //
  // throws  as text()
  // cost    reads every text; see judge_explanation
  std::optional<Explanation> explanation(const Thresholds& thresholds = {}) const;

  struct State;  // of the library
  const State& state() const { return *state_; }

 private:
  std::shared_ptr<const State> state_;
};

// The same of texts in memory, under the thresholds that each was judged by.
//
// throws  Error{kInput} if texts are not of one model, measured in one way; Error{kUsage} if there is none; as find_levels
LevelReport levels_of(std::span<const ScannedText> texts, const LevelOptions& options = {},
                      std::span<const SinkKind> kinds = {});

// Sinks that a user names, for AblateRequest::named: JSON as `ablate --sinks FILE` takes it (docs/impact.md).
//
// throws  Error{kInput} if the JSON says anything else
std::map<std::string, NamedSinks> named_sinks(const std::string& json, const Results& results);

// One row a sink of the texts, as Results::table; texts count from 0 in their order.
RunTable table_of(std::span<const ScannedText> texts, TableRows rows = TableRows::kSinks);

}  // namespace sinkscope
