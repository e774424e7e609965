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

Rule rule_of(const ScanFile& file, const ReportOptions& options) {
  return options.rule.value_or(file.options().rule == "paper" ? Rule::kPaper : Rule::kEvidence);
}

PaperOptions paper_of(const ScanFile& file, const ReportOptions& options) {
  return options.paper.value_or(PaperOptions{file.options().paper_positions});
}

void check_answerable(const ScanFile& file, const ReportOptions& options) {
  const CandidateFloor& floor = file.options().floor;
  if (rule_of(file, options) == Rule::kPaper) {
    if (floor.any_norm_both_signs) return;
    throw Error(
        ErrorCode::kUsage,
        "--rule paper: expected a file that keeps tokens of any norm and both signs, got a corpus that was scanned "
        "for the evidence rule; scan again with --rule paper into a new file");
  }
  check_floor("--min-alignment", options.thresholds.min_alignment, floor.alignment);
  check_floor("--min-norm-ratio", options.thresholds.min_norm_ratio, floor.norm_ratio);
  check_floor("unaligned far boost", options.thresholds.unaligned_far_boost, floor.unaligned_far_boost);
}

}  // namespace sinkscope
