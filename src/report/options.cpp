#include "report/options.h"

#include <fmt/format.h>

#include "base/error.h"

namespace sinkscope {
namespace {

void check_floor(const char* name, float asked, float floor) {
  if (asked >= floor) return;
  throw Error(ErrorCode::kUsage, fmt::format("{}: expected at least {}, below which this file keeps no tokens; got {}; "
                                             "scan again with that threshold into a new file",
                                             name, floor, asked));
}

}  // namespace

void check_evidence_rule(const ReportOptions& options, const char* verb) {
  if (options.rule == Rule::kEvidence) return;
  throw Error(ErrorCode::kUsage,
              fmt::format("{}: expected --rule evidence, which it is about; for the paper's rule use "
                          "show or export",
                          verb));
}

void check_answerable(const ScanFile& file, const ReportOptions& options) {
  const CandidateFloor& floor = file.options().floor;
  if (options.rule == Rule::kPaper) {
    if (floor.any_norm_both_signs) return;
    throw Error(ErrorCode::kUsage,
                "--rule paper: expected a file that keeps tokens of any norm and both signs, got one that was scanned "
                "for the evidence rule; scan again with --rule paper into a new file");
  }
  check_floor("--min-alignment", options.thresholds.min_alignment, floor.alignment);
  check_floor("--min-norm-ratio", options.thresholds.min_norm_ratio, floor.norm_ratio);
  check_floor("unaligned far boost", options.thresholds.unaligned_far_boost, floor.unaligned_far_boost);
}

}  // namespace sinkscope
