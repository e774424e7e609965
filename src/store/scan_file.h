#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "levels/corpus.h"
#include "scan/result_sink.h"
#include "store/profiles.h"
#include "store/records.h"

namespace sinkscope {

struct SqliteConnection;

// Options that decide what is kept and shown, not what is measured: where nobody asked for one, a file that is there
// decides.
struct TakenFromFile {
  bool keep = false, any_norm_both_signs = false, rule = false, paper_positions = false;
};

// A results file: what was measured of the documents of one model under one set of measurement options.
//
// The file is SQLite; docs/file-formats.md describes it. One process writes at a time, others may read meanwhile.
// What add() returned from stays, whatever happens to the process afterwards.
class ScanFile final : public ResultSink {
 public:
  // A new file, or one that an earlier run began and this one goes on with.
  //
  // taken   what a file that is there decides in place of `options`; options() has what holds
  // throws  Error{kOutput} if the path cannot be written, is locked by another writer, is no results file
  //         (it is then left as it is), or was written by a newer or an older program;
  //         Error{kInput} if the file holds results of another model or other measurement options: says which
  static ScanFile open_or_create(const std::string& path, const ModelRecord& model, const MeasurementOptions& options,
                                 const ProgramRun& run, const TakenFromFile& taken = {});
  // For reading, what open_or_create would go on with; nothing if there is no such file, or an empty one.
  //
  // throws  Error{kInput} as open_or_create, or as open
  static std::optional<ScanFile> open_resumable(const std::string& path, const ModelRecord& model,
                                                const MeasurementOptions& options, const TakenFromFile& taken = {});
  // The same kind of results, kept in memory only.
  static ScanFile in_memory(const ModelRecord& model, const MeasurementOptions& options, const ProgramRun& run);
  // For reading. Files of newer programs open too, as long as what they share is laid out alike.
  //
  // throws  Error{kInput} if there is no such file, or it is no results file of this or a newer layout
  static ScanFile open(const std::string& path);

  ScanFile(ScanFile&&) noexcept;
  ScanFile& operator=(ScanFile&&) noexcept;
  ~ScanFile() override;

  // Makes one file of it, with no log beside it, which can be read where nothing can be written. It is done when a
  // ScanFile goes, too, where that can be; a file with its log beside it is as whole.
  //
  // throws  Error{kOutput} if it cannot be done, as while others read it
  void finish();

  const ModelRecord& model() const;
  const MeasurementOptions& options() const;
  bool has(const std::string& key) const override;
  std::int64_t n_documents() const;
  std::int64_t n_tokens() const;  // of all documents

  // Stores documents, all or none of them: one document, or one pack. A document that is there already gets
  // the origins that it lacks, and nothing else.
  //
  // throws  Error{kOutput} if the disk is full, the file is locked or cannot be written;
  //         Error{kInternal} if a record contradicts itself
  void add(std::span<const ScannedDocument> documents) override;
  void add(const ScannedDocument& document) { add(std::span(&document, 1)); }
  // From now on documents are recorded as measured by this run, which is added if the file does not know it.
  void use_program_run(const ProgramRun& run);
  // A place where a stored document occurs as well; nothing changes if it is known.
  void add_origin(const std::string& key, const Origin& origin) override;
  void add_skipped(const SkippedLine& line) override;

  // Calls visit for each document in order of ordinals; one at a time is in memory.
  //
  // throws  Error{kInput} if a stored document is damaged: says which; whatever visit threw
  void for_each_document(const std::function<void(const StoredDocument&)>& visit) const;
  // Calls visit for each document in order of ordinals, without reading its figures.
  void for_each_place(const std::function<void(std::int64_t ordinal, const std::string& key,
                                               std::vector<Origin>&& origins)>& visit) const;
  // Calls visit with what corpus statistics ask of each document, in order of ordinals: sinks of all kinds by the
  // evidence rule.
  //
  // throws  as for_each_document
  // cost    microseconds a document under default thresholds; others are applied to the figures, 20 times slower
  void for_each_corpus_document(const Thresholds& thresholds, const std::function<void(CorpusDocument&&)>& visit) const;
  // throws  Error{kInput} if there is no such document, or it is damaged
  StoredDocument document(std::int64_t ordinal) const;
  // What a token of any stored document stands for.
  std::string token_bytes(TokenId token) const;
  std::vector<SkippedLine> skipped() const;
  std::vector<ProgramRun> program_runs() const;

  // Shapes first, numbers on demand: arrays by head may be large.
  std::vector<ProfileShape> profile_shapes(std::int64_t ordinal) const;
  // throws  Error{kInput} if it is not stored or is damaged
  ProfileArray profile(std::int64_t ordinal, const std::string& name) const;

  // Reads everything and compares what must agree.
  //
  // returns  one line for each thing that is wrong; empty for a sound file
  // cost     reads the whole file
  std::vector<std::string> verify() const;

 private:
  friend class ExplainedRows;
  friend class EffectRows;
  friend class DetectorRows;
  explicit ScanFile(std::unique_ptr<SqliteConnection> connection);
  std::unique_ptr<SqliteConnection> connection_;
};

}  // namespace sinkscope
