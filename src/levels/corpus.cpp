#include "levels/corpus.h"

#include <algorithm>

#include "base/statistics/document_draws.h"

namespace sinkscope {
namespace {

int horizon_of(const SequenceFigures& figures, const Detection& detection, const Thresholds& thresholds) {
  int last = figures.n_layers - 1;
  if (detection.primary && !detection.primary->active_layers.empty()) {
    last = std::min(last, detection.primary->active_layers.back().second);
  }
  return last - thresholds.censor_layers;
}

}  // namespace

std::vector<std::size_t> draw_order(const SinkCorpus& corpus) {
  std::vector<std::string> keys;
  for (const CorpusDocument& document : corpus.documents) keys.push_back(document.key);
  return order_of_draws(keys);
}

EligiblePositions eligible_positions(const SequenceFigures& figures, const std::optional<Primary>& primary) {
  if (!primary) return {};
  int begin = primary->position + 1;
  for (const int position : primary->set) begin = std::max(begin, position + 1);
  return {begin, std::max(begin, figures.n_tokens - figures.min_distance - kMinFarQueries + 1)};
}

std::optional<double> per_1000(std::int64_t count, std::int64_t eligible_tokens) {
  if (eligible_tokens == 0) return std::nullopt;
  return 1000.0 * static_cast<double>(count) / static_cast<double>(eligible_tokens);
}

CorpusDocument corpus_document(const SequenceFigures& figures, const Detection& detection, const Thresholds& thresholds,
                               const std::vector<TokenId>& tokens, const std::vector<SinkKind>& kinds) {
  CorpusDocument document;
  document.n_tokens = figures.n_tokens;
  document.prompt_tokens = figures.prompt_tokens;
  document.has_primary = detection.primary.has_value();
  document.horizon = horizon_of(figures, detection, thresholds);
  const EligiblePositions eligible = eligible_positions(figures, detection.primary);
  document.eligible_begin = eligible.begin;
  document.eligible_end = eligible.end;
  for (const Run& run : detection.runs) {
    if (run.verdict != Verdict::kSink || std::ranges::find(kinds, run.kind) == kinds.end()) continue;
    CorpusSink sink;
    sink.position = run.position;
    sink.token = tokens.at(static_cast<std::size_t>(run.position));
    sink.kind = run.kind;
    sink.l_start = run.l_start;
    sink.l_end = run.l_end;
    sink.censored = run.censored;
    sink.norm_ratio = run.norm_ratio_median;
    sink.logit_gap = run.logit_gap;
    sink.far_boost = run.far_boost_median;
    document.sinks.push_back(sink);
  }
  for (const SinkGroup& group : detection.groups) {
    if (!detection.counts(group) || std::ranges::find(kinds, group.kind) == kinds.end()) continue;
    CorpusSink sink;
    sink.position = group.members.front();
    sink.n_tokens = static_cast<int>(group.members.size());
    sink.token = tokens.at(static_cast<std::size_t>(sink.position));
    sink.kind = group.kind;
    sink.l_start = group.l_start;
    sink.l_end = group.l_end;
    const auto censored = std::ranges::count_if(group.runs, [&](std::size_t run) { return detection.runs[run].censored; });
    sink.censored = 2 * static_cast<std::size_t>(censored) > group.runs.size();
    sink.norm_ratio = group.norm_ratio_median;
    sink.far_boost = group.joint_boost_median;
    document.sinks.push_back(sink);
  }
  std::ranges::stable_sort(document.sinks, {}, &CorpusSink::position);
  return document;
}

}  // namespace sinkscope
