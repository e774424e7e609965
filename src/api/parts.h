#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "api/scanned_text.h"
#include "store/records.h"
#include "store/scan_file.h"

namespace sinkscope {

// What the texts of one scanner, or of one results file, have in common.
struct ScanOrigin {
  ModelRecord model;  // its digest may be missing yet
  MeasurementOptions measurement;
  ProgramRun run;
  std::once_flag digest_made;

  // The model's record with its digest.
  //
  // throws  Error{kModel} if the model's file cannot be read any more
  const ModelRecord& model_with_digest();
};

// A results file that texts share. SQLite's connection serves one thread at a time.
struct OpenFile {
  explicit OpenFile(const std::string& path) : file(ScanFile::open(path)) {}
  ScanFile file;
  mutable std::mutex in_use;
};

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
