#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "sinks/detection.h"

namespace sinkscope {
namespace {

constexpr float kPaperCosine = 0.9F;
constexpr int kPaperBosLayers = 15;   // a token flagged in all but so many layers is a bos_sink
constexpr int kPaperNoiseLayers = 4;  // in so many at most: noise, unless the network is that shallow

double mean_norm(const TokenProfile& profile) {
  double sum = 0;
  for (const auto& norm : profile.hidden_norm) sum += static_cast<double>(norm.value_or(0));
  return sum;
}

// The span starts after the largest layer-to-layer rise of the primary's norm, and ends before the largest fall
// after that.
LayerInterval span_of(const TokenProfile& primary) {
  const auto n_layers = static_cast<int>(primary.hidden_norm.size());
  const auto step = [&](int l) {
    return primary.hidden_norm[static_cast<std::size_t>(l + 1)].value_or(0) -
           primary.hidden_norm[static_cast<std::size_t>(l)].value_or(0);
  };
  int first = 0;
  for (int l = 0; l + 1 < n_layers; ++l) {
    if (l == 0 || step(l) > step(first - 1)) first = l + 1;
  }
  int last = n_layers - 1;
  for (int l = first; l + 1 < n_layers; ++l) {
    if (l == first || step(l) < step(last)) last = l;
  }
  return {first, last};
}

std::string label_of(int layers_flagged, int n_layers) {
  if (layers_flagged >= n_layers - kPaperBosLayers) return "bos_sink";
  return layers_flagged > kPaperNoiseLayers ? "secondary" : "noise";
}

}  // namespace

PaperDetection detect_by_paper(const SequenceFigures& figures, const PaperOptions& options) {
  if (options.positions != 2 && options.positions != kPaperPositions) {
    throw Error(ErrorCode::kUsage, "the authors' rule: expected 2 or 3 first positions, got " +
                                       std::to_string(options.positions) + "; 3 is theirs for chat templates");
  }
  PaperDetection detection;
  const int n_first = std::min(options.positions, static_cast<int>(figures.first_positions.size()));
  if (n_first == 0) return detection;
  for (int p = 1; p < n_first; ++p) {
    const auto& all = figures.first_positions;
    if (mean_norm(all[static_cast<std::size_t>(p)]) > mean_norm(all[static_cast<std::size_t>(detection.primary)])) {
      detection.primary = p;
    }
  }
  const auto primary = static_cast<std::size_t>(detection.primary);
  const auto [first, last] = span_of(figures.first_positions[primary]);
  detection.span_first = first;
  detection.span_last = last;

  const auto add_run = [&](const TokenProfile& token) {
    if (token.position <= detection.primary) return;
    if (token.first_alignment.size() <= primary) {
      throw Error(ErrorCode::kUsage,
                  "the authors' rule: expected figures of every token that is aligned, whatever its norm; got those of "
                  "the evidence rule; scan again with --rule paper");
    }
    PaperRun run;
    run.position = token.position;
    for (int l = first; l <= last; ++l) {
      const auto& cosine = token.first_alignment[primary][static_cast<std::size_t>(l)];
      if (!cosine || !(std::abs(*cosine) > kPaperCosine)) continue;
      if (run.layers_flagged == 0) run.first_layer = l;
      run.last_layer = l;
      ++run.layers_flagged;
    }
    if (run.layers_flagged == 0) return;
    run.label = label_of(run.layers_flagged, figures.n_layers);
    detection.runs.push_back(std::move(run));
  };
  for (const TokenProfile& token : figures.first_positions) add_run(token);
  for (const TokenProfile& token : figures.tokens) add_run(token);
  return detection;
}

}  // namespace sinkscope
