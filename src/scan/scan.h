#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "probe/model.h"
#include "scan/measurement_options.h"
#include "scan/result_sink.h"
#include "sinks/detection.h"
#include "text/token_spool.h"

namespace sinkscope {

// How far a scan is.
struct ScanProgress {
  std::int64_t documents_done = 0, documents_total = 0;
  std::int64_t tokens_done = 0, tokens_total = 0;  // of what this scan has to run
  std::int64_t sinks = 0;
};

struct ScanOptions {
  MeasurementOptions measurement;
  Thresholds thresholds;     // of the judgement that each document gets
  std::vector<Edit*> edits;  // of each pack's run, which measurement.edits must describe
  std::function<bool()> should_stop;
  std::function<void(const ScanProgress&)> on_progress;  // before each micro-batch, and after each pack
};

struct ScanSummary {
  std::int64_t sequences = 0;      // of the input
  std::int64_t already_there = 0;  // of these, in the results before the scan
  std::int64_t repeated = 0;       // of these, equal to an earlier one of the input
  std::int64_t tokens_run = 0;
  std::int64_t watch_overflow = 0;  // keys whose logit gap was not measured for want of room
};

// Tokenised documents -> packs -> examine() -> judged documents -> results.
//
// Each pack is added at once; packs whose sequences are all in the results are not run again, and only their origins
// are added.
// throws  Error{kInternal} if measurement.edits does not describe the edits;
//         Error{kInterrupted} if should_stop said so: the results then hold all packs that were finished;
//         whatever Model::run and ResultSink::add throw
ScanSummary scan(Model& model, const TokenSpool& sequences, ResultSink& results, const ScanOptions& options);

}  // namespace sinkscope
