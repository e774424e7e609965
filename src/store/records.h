#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "probe/model_facts.h"
#include "scan/measurement_options.h"
#include "scan/scanned_document.h"
#include "sinks/figures.h"

namespace sinkscope {

// The model that a results file belongs to.
struct ModelRecord {
  ModelFacts facts;  // facts.path is neither stored nor read
  std::string sha256;
  std::vector<Lacking> lacking;
  std::vector<std::string> notes;  // what of its file is missing or odd and changes numbers; one sentence each
};

// One run of the program that wrote into a results file. Kept as a record; never part of JSON, CSV or safetensors.
struct ProgramRun {
  std::string started_utc;  // ISO 8601
  std::string sinkscope_version;
  std::string llama_version;
  std::string compiler;
  std::string command;  // the arguments
  std::string precision;
  std::string cpu_features;
  int n_threads = 0;
  bool operator==(const ProgramRun&) const = default;
};

// One document as it is read.
struct StoredDocument {
  std::int64_t ordinal = 0;  // from 0, in the order in which documents were stored
  std::string key;
  std::vector<TokenId> tokens;
  std::vector<Origin> origins;
  SequenceFigures figures;
  std::size_t program_run = 0;  // index into ScanFile::program_runs(): which run measured it
};

}  // namespace sinkscope
