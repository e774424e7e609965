#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "cli/progress.h"
#include "cli/tokenizer.h"
#include "probe/model.h"
#include "sinks/detection.h"
#include "store/scan_file.h"
#include "text/document.h"
#include "text/token_spool.h"

namespace sinkscope {

// Reads all documents and tokenises them: afterwards their lengths are known, and every error of the input that can
// be found without running the model has been found.
//
// documents of more than max_tokens are an error if there is one document, and skipped in a corpus
struct ReadOptions {
  int max_tokens = 0;   // of a sequence, BOS included
  bool corpus = false;  // a document that cannot be used is skipped, not an error
  std::function<bool()> should_stop;
};
// returns  the sequences in order; at least one
// throws   Error{kInput} if no document can be used; Error{kInterrupted}
TokenSpool read_documents(DocumentSource& documents, const DocumentTokenizer& tokenizer, const ReadOptions& options,
                          const OnSkip& on_skip);

// Sequences that run together, as [first, first + count) of the spool.
struct PackRange {
  std::size_t first = 0;
  std::size_t count = 0;
};

// Tokens of a pack: more than one micro-batch, so that documents of half its length and more fill micro-batches too.
constexpr int pack_tokens(int n_ubatch) { return 4 * n_ubatch; }

// Cuts sequences into packs, in order: a pure function of the lengths and the limits.
//
// max_tokens  of a pack; a sequence that is longer has a pack of its own
std::vector<PackRange> plan_packs(std::span<const int> lengths, int max_tokens, int max_sequences);

struct ScanOptions {
  MeasurementOptions measurement;
  Thresholds thresholds;  // for the count of sinks that progress shows
  std::function<bool()> should_stop;
  std::function<void(const ScanProgress&)> on_progress;
};

struct ScanSummary {
  std::int64_t sequences = 0;      // of the input
  std::int64_t already_there = 0;  // of these, in the results file before
  std::int64_t tokens_run = 0;
  std::int64_t watch_overflow = 0;  // keys whose logit gap was not measured for want of room
};

// text -> tokens -> pack -> measurement -> figures -> results file: everything after tokenisation.
//
// Each pack is one transaction; packs whose sequences are all in the file are not run again.
// throws  Error{kInterrupted} if should_stop said so: the file then holds all packs that were finished;
//         whatever Model::run and ScanFile::add throw
ScanSummary scan_sequences(Model& model, const TokenSpool& sequences, ScanFile& results, const ScanOptions& options);

// Where a sequence came from, with the name that results give it: the document's own id, or the file's.
Origin origin_of(const Sequence& sequence);

// One measured sequence as it is stored.
DocumentRecord record_of(const Model& model, const Sequence& sequence, const SequenceMeasurement& measurement,
                         const MeasurementOptions& options);

}  // namespace sinkscope
