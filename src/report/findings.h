#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "levels/levels.h"
#include "report/counts.h"
#include "report/options.h"
#include "store/scan_file.h"

namespace sinkscope {

struct FoundSink {
  std::size_t text = 0;  // index into Findings::texts
  Run run;
  std::string token;  // its bytes
};

struct FoundText {
  std::string name;
  int n_tokens = 0;
  Counts counts;
};

// What was found in one results file, said once for all outputs that say it in sentences.
struct Findings {
  std::vector<FoundText> texts;  // in order of ordinals
  std::int64_t n_tokens = 0;
  Counts counts;
  std::vector<FoundSink> strongest;    // by median far boost, kStrongest at most, the primary not among them
  std::vector<std::string> sentences;  // displayable UTF-8, tokens in quotation marks
  std::vector<std::string> warnings;   // what to know before trusting the numbers
};
inline constexpr std::size_t kStrongest = 24;

// The levels of a file's sinks of every kind beside the primary.
LevelReport levels_of_all_kinds(const ScanFile& file, const ReportOptions& options, const LevelOptions& level_options);

// levels  of sinks of every kind beside the primary
// throws  Error{kInput} if a document is damaged
// cost    one pass over the file; memory a few words a sink
Findings find_out(const ScanFile& file, const ReportOptions& options, const LevelReport& levels);

}  // namespace sinkscope
