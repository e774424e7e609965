#include "report/paper_detection.h"

#include <algorithm>
#include <cmath>

#include "sinks/primary.h"

namespace sinkscope {
namespace {

SinkKind kind_of_label(const std::string& label) {
  if (label == "secondary") return SinkKind::kSecondary;
  return label == "noise" ? SinkKind::kUnaligned : SinkKind::kPrimaryLike;
}

// The figures that a primary and a run have alike.
template <typename Shown>
void describe(const TokenProfile& token, int first, int last, Shown& shown) {
  const int first_block = first + 1, last_block = std::min(last + 1, static_cast<int>(token.score.size()) - 1);
  const Summary norm_ratio = summary_of(token.norm_ratio, first, last);
  const Summary score = summary_of(token.score, first_block, last_block);
  const Summary far_boost = summary_of(token.far_boost, first_block, last_block);
  shown.norm_ratio_median = norm_ratio.median;
  shown.norm_ratio_max = norm_ratio.max;
  shown.score_mean = score.mean;
  shown.score_max = score.max;
  shown.far_boost_median = far_boost.median;
  shown.far_boost_max = far_boost.max;
  shown.value_norm_ratio = summary_of(token.value_norm_ratio, first_block, last_block).median;
}

}  // namespace

Detection shown_detection(const SequenceFigures& figures, const PaperDetection& paper) {
  const Thresholds usual;
  Detection shown;
  const TokenProfile* primary = profile_of(figures, paper.primary);
  if (primary == nullptr) return shown;
  shown.primary.emplace();
  shown.primary->position = paper.primary;
  shown.primary->set = {paper.primary};
  shown.primary->birth_layer = paper.span_first;
  shown.primary->birth_end = paper.span_last;
  shown.primary->active_layers = {{paper.span_first, paper.span_last}};
  describe(*primary, paper.span_first, paper.span_last, *shown.primary);
  const auto reference = static_cast<std::size_t>(paper.primary);
  for (const PaperRun& flagged : paper.runs) {
    Run run;
    run.position = flagged.position;
    run.verdict = Verdict::kSink;
    run.kind = kind_of_label(flagged.label);
    run.l_start = flagged.first_layer;
    run.l_end = flagged.last_layer;
    run.lifetime = flagged.layers_flagged;
    run.censored = paper.span_last - flagged.last_layer <= usual.censor_layers;
    if (const TokenProfile* token = profile_of(figures, flagged.position)) {
      describe(*token, run.l_start, run.l_end, run);
      if (reference < token->first_alignment.size()) {
        run.alignment_median = summary_of(token->first_alignment[reference], run.l_start, run.l_end).median;
      }
    }
    shown.runs.push_back(std::move(run));
  }
  return shown;
}

}  // namespace sinkscope
