#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "api/results.h"
#include "api/scanned_text.h"
#include "store/records.h"
#include "store/scan_file.h"

namespace sinkscope {

// The model of texts.
struct OriginModel {
  explicit OriginModel(ModelRecord of) : record(std::move(of)) {}

  // The model's record with its digest.
  //
  // throws  Error{kModel} if the model's file cannot be read any more
  const ModelRecord& with_digest();

  ModelRecord record;  // its digest may be missing yet
  std::once_flag digest_made;
};

// What texts have in common that one scanner measured in one way, or that come from one run of a results file.
struct ScanOrigin {
  std::shared_ptr<OriginModel> model;
  MeasurementOptions measurement;
  ProgramRun run;
  std::vector<std::string> notes;  // of the scan, beside those of the model's record: kept with these
};

// The model of texts with its digest and the notes of all their scans, each once: what a new results file of them says.
//
// texts   at least one
// throws  as OriginModel::with_digest
ModelRecord model_of(std::span<const ScannedText> texts);

// A results file that texts share. SQLite's connection serves one thread at a time.
struct OpenFile {
  explicit OpenFile(const std::string& path) : file(ScanFile::open(path)) {}
  ScanFile file;
  mutable std::mutex in_use;
};

// A text's document with its arrays, also where they still lie in a results file.
ScannedDocument whole_document(const ScannedText& text, const ScannedText::Parts& parts);

struct Results::State {
  explicit State(const std::string& path);

  std::shared_ptr<const OpenFile> open;
  std::vector<std::shared_ptr<ScanOrigin>> origins;  // by run of the program
};

// throws  Error{kUsage} without a text; Error{kInput} if they are not of one model, measured in one way; says what differs
// cost    of texts of several scanners: as OriginModel::with_digest
void check_one_measurement(const std::string& what, std::span<const ScannedText> texts);

// throws  Error{kUsage} if the thresholds may accept tokens that the floor left out; says which
void check_kept(const CandidateFloor& floor, const Thresholds& thresholds);

struct ScannedText::Parts {
  std::shared_ptr<const ScannedDocument> document;  // of a file: without its arrays
  Thresholds thresholds;
  Detection detection;  // under them
  std::shared_ptr<ScanOrigin> origin;
  std::shared_ptr<const OpenFile> file;  // that the text was read from; null: it was scanned
  std::int64_t ordinal = 0;              // in that file
};

}  // namespace sinkscope
