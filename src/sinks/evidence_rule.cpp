#include <algorithm>
#include <vector>

#include "base/index.h"
#include "sinks/attention_evidence.h"
#include "sinks/detection.h"
#include "sinks/groups.h"
#include "sinks/primary.h"

namespace sinkscope {
namespace {

float margin_of(float figure, float threshold) { return figure / threshold - 1; }

bool at_least(const std::optional<float>& figure, float threshold) { return figure && *figure >= threshold; }

// Finds the runs of one sequence, token by token.
class RunFinder {
 public:
  RunFinder(const SequenceFigures& figures, const Thresholds& thresholds, const std::optional<Primary>& primary)
      : n_layers_(figures.n_layers), thresholds_(thresholds), primary_(primary) {
    if (primary_) primary_norm_ratio_ = &profile_of(figures, primary_->position)->norm_ratio;
  }

  std::vector<Run> runs_of(const TokenProfile& token) const;

 private:
  // By how much the weakest of what makes state evidence passes (>= 0) or misses (< 0); nothing if not measured.
  std::optional<float> state_margin(const TokenProfile& token, int layer) const;
  Run aligned_run(const TokenProfile& token, int first, int last) const;
  Verdict verdict_of(const Run& run) const;
  void describe(const TokenProfile& token, Run& run) const;
  Margins margins_of(const TokenProfile& token, const Run& run) const;
  bool is_censored(int l_start, int l_end) const;
  SinkKind kind_of(int l_start) const;
  std::vector<Run> unaligned_runs(const TokenProfile& token, const std::vector<Run>& others) const;
  bool is_unaligned(const TokenProfile& token, const LayerFigures& attention, int layer) const;
  int last_block(const Run& run) const { return std::min(run.l_end + 1, n_layers_ - 1); }

  int n_layers_;
  Thresholds thresholds_;
  const std::optional<Primary>& primary_;
  const LayerFigures* primary_norm_ratio_ = nullptr;
};

std::optional<float> RunFinder::state_margin(const TokenProfile& token, int layer) const {
  const auto& alignment = token.alignment[index(layer)];
  const auto& norm_ratio = token.norm_ratio[index(layer)];
  const auto& primary = (*primary_norm_ratio_)[index(layer)];
  if (!alignment || !norm_ratio || !primary) return std::nullopt;
  return std::min({margin_of(*alignment, thresholds_.min_alignment), margin_of(*norm_ratio, thresholds_.min_norm_ratio),
                   margin_of(*primary, thresholds_.min_norm_ratio)});
}

std::vector<Run> RunFinder::runs_of(const TokenProfile& token) const {
  std::vector<Run> runs;
  if (primary_) {
    const auto evident = [&](int l) {
      return at_least(token.alignment[index(l)], thresholds_.min_alignment) &&
             at_least(token.norm_ratio[index(l)], thresholds_.min_norm_ratio) &&
             at_least((*primary_norm_ratio_)[index(l)], thresholds_.min_norm_ratio);
    };
    for (int l = 0; l < n_layers_; ++l) {
      if (!evident(l)) continue;
      const int first = l;
      while (l + 1 < n_layers_ && evident(l + 1)) ++l;
      runs.push_back(aligned_run(token, first, l));
    }
  }
  for (const Run& run : unaligned_runs(token, runs)) runs.push_back(run);
  std::ranges::stable_sort(runs, {}, &Run::l_start);
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].run_index = static_cast<int>(i);
  return runs;
}

Run RunFinder::aligned_run(const TokenProfile& token, int first, int last) const {
  Run run;
  run.position = token.position;
  run.l_start = first;
  run.l_end = last;
  run.lifetime = last - first + 1;
  run.kind = kind_of(first);
  run.margins = margins_of(token, run);
  run.verdict = verdict_of(run);
  describe(token, run);
  return run;
}

SinkKind RunFinder::kind_of(int l_start) const {
  const bool in_plateau = std::ranges::any_of(primary_->early_plateau, [&](const LayerInterval& plateau) {
    return plateau.first <= l_start && l_start <= plateau.second;
  });
  const bool with_birth = l_start <= primary_->birth_layer + thresholds_.birth_slack;
  return with_birth || in_plateau ? SinkKind::kPrimaryLike : SinkKind::kSecondary;
}

Verdict RunFinder::verdict_of(const Run& run) const {
  if (!run.margins.attention) return Verdict::kUnscored;
  if (*run.margins.attention < 0) return Verdict::kAlignedOnly;
  return run.lifetime < thresholds_.min_layers ? Verdict::kTransient : Verdict::kSink;
}

Margins RunFinder::margins_of(const TokenProfile& token, const Run& run) const {
  Margins margins;
  for (int l = run.l_start; l <= run.l_end; ++l) {
    const float alignment = margin_of(*token.alignment[index(l)], thresholds_.min_alignment);
    const float norm_ratio =
        margin_of(std::min(*token.norm_ratio[index(l)], *(*primary_norm_ratio_)[index(l)]), thresholds_.min_norm_ratio);
    margins.alignment = std::min(alignment, margins.alignment.value_or(alignment));
    margins.norm_ratio = std::min(norm_ratio, margins.norm_ratio.value_or(norm_ratio));
  }
  for (const int beside : {run.l_start - 1, run.l_end + 1}) {
    if (beside < 0 || beside >= n_layers_) continue;
    if (const auto margin = state_margin(token, beside)) {
      margins.edge = std::min(-*margin, margins.edge.value_or(-*margin));
    }
  }

  const auto decisive = [&](const LayerFigures& by_block) {
    return decisive_margin(by_block, run.l_start + 1, last_block(run), thresholds_);
  };
  margins.far_boost = decisive(block_margins(token.far_boost, thresholds_.min_far_boost));
  margins.far_z = decisive(block_margins(token.far_z, thresholds_.min_far_z));
  margins.attention =
      decisive(block_margins(token.far_boost, thresholds_.min_far_boost, token.far_z, thresholds_.min_far_z));
  return margins;
}

bool RunFinder::is_censored(int l_start, int l_end) const {
  if (n_layers_ - 1 - l_end <= thresholds_.censor_layers) return true;
  if (!primary_) return false;
  return std::ranges::any_of(primary_->active_layers, [&](const LayerInterval& active) {
    return active.first <= l_start && l_start <= active.second && active.second - l_end <= thresholds_.censor_layers;
  });
}

void RunFinder::describe(const TokenProfile& token, Run& run) const {
  run.alignment_median = summary_of(token.alignment, run.l_start, run.l_end).median;
  run.centred_alignment_median = summary_of(token.centred_alignment, run.l_start, run.l_end).median;
  run.read_alignment_median = summary_of(token.read_alignment, run.l_start, run.l_end).median;
  const Summary norm_ratio = summary_of(token.norm_ratio, run.l_start, run.l_end);
  run.norm_ratio_median = norm_ratio.median;
  run.norm_ratio_max = norm_ratio.max;

  const int first_block = run.l_start + 1;
  const Summary score = summary_of(token.score, first_block, last_block(run));
  const Summary far_boost = summary_of(token.far_boost, first_block, last_block(run));
  run.score_mean = score.mean;
  run.score_max = score.max;
  run.far_boost_median = far_boost.median;
  run.far_boost_max = far_boost.max;
  run.far_z_median = summary_of(token.far_z, first_block, last_block(run)).median;
  if (const auto heads = summary_of(token.heads_over_10, first_block, last_block(run)).max) {
    run.heads_over_10_max = static_cast<int>(*heads);
  }
  run.logit_gap = summary_of(token.logit_gap, first_block, last_block(run)).median;
  run.value_norm_ratio = summary_of(token.value_norm_ratio, first_block, last_block(run)).median;
  run.eviction_cost = summary_of(token.eviction_cost, first_block, last_block(run)).median;
  if (const auto most = summary_of(token.eviction_left_out, first_block, last_block(run)).max) {
    run.eviction_left_out = static_cast<int>(*most);
  }
  run.massive = massive_figures_of(token, (run.l_start + run.l_end) / 2);
  const auto mean_of = [&](const LayerFigures& figures) {
    return summary_of(figures, first_block, last_block(run)).mean;
  };
  run.sink_rate_02 = mean_of(token.sink_rate_02);
  run.sink_rate_03 = mean_of(token.sink_rate_03);
  run.sink_rate_05 = mean_of(token.sink_rate_05);
  run.sink_rate_08 = mean_of(token.sink_rate_08);
  run.attention_share = mean_of(token.attention_share);
  run.selection_rate = mean_of(token.selection_rate);
  if (run.value_norm_ratio) run.broadcasts = *run.value_norm_ratio > thresholds_.drain_value_ratio;

  // The count begins with the first block that draws on the run: the one after l_start may have other things to do.
  for (int block = first_block; block < n_layers_; ++block) {
    const auto& boost = token.far_boost[index(block)];
    if (!boost) continue;
    if (!run.attention_lifetime) run.attention_lifetime = 0;
    if (*boost >= thresholds_.min_lifetime_boost) {
      ++*run.attention_lifetime;
    } else if (*run.attention_lifetime > 0 || block >= last_block(run)) {
      break;
    }
  }
  run.censored = is_censored(run.l_start, run.l_end);
  for (const auto& margin : {run.margins.alignment, run.margins.norm_ratio, run.margins.attention}) {
    if (margin) run.margin = std::min(*margin, run.margin.value_or(*margin));
  }
}

// Block layer + 1 reads from the token far more than uniform attention would, and than it reads from the tokens beside
// it, for another reason than alignment.
//
// attention  margins by block
bool RunFinder::is_unaligned(const TokenProfile& token, const LayerFigures& attention, int layer) const {
  if (!at_least(attention[index(layer + 1)], 0)) return false;
  if (!primary_) return true;
  if (!at_least(token.norm_ratio[index(layer)], thresholds_.unaligned_norm_ratio)) return false;
  // Before the sink axis is born no token can be aligned with it: what early blocks read there is local content.
  if (layer < primary_->birth_layer) return false;
  const auto& read = token.read_alignment[index(layer)];
  const auto& centred = token.centred_alignment[index(layer)];
  return (read || centred) && !at_least(read, thresholds_.unaligned_max_alignment) &&
         !at_least(centred, thresholds_.unaligned_max_alignment);
}

std::vector<Run> RunFinder::unaligned_runs(const TokenProfile& token, const std::vector<Run>& others) const {
  const auto is_in_sink = [&](int layer) {
    return std::ranges::any_of(others, [&](const Run& run) {
      return run.verdict == Verdict::kSink && run.l_start <= layer && layer <= run.l_end;
    });
  };
  const float min_boost = thresholds_.unaligned_far_boost, min_z = thresholds_.unaligned_far_z;
  const LayerFigures attention = block_margins(token.far_boost, min_boost, token.far_z, min_z);
  const LayerFigures of_boost = block_margins(token.far_boost, min_boost), of_z = block_margins(token.far_z, min_z);
  const auto lower = [](std::optional<float>& least, const std::optional<float>& margin) {
    if (margin) least = std::min(*margin, least.value_or(*margin));
  };
  std::vector<Run> runs;
  for (int l = 0; l + 1 < n_layers_; ++l) {
    const int first = l;
    while (l + 1 < n_layers_ && is_unaligned(token, attention, l) && !is_in_sink(l)) ++l;
    if (l - first < std::max(1, thresholds_.unaligned_blocks)) continue;
    Run run;
    run.position = token.position;
    run.verdict = Verdict::kSink;
    run.kind = SinkKind::kUnaligned;
    run.l_start = first;
    run.l_end = l - 1;
    run.lifetime = run.l_end - run.l_start + 1;
    for (int block = first + 1; block <= l; ++block) {
      lower(run.margins.far_boost, of_boost[index(block)]);
      lower(run.margins.far_z, of_z[index(block)]);
      lower(run.margins.attention, attention[index(block)]);
    }
    describe(token, run);
    runs.push_back(run);
  }
  return runs;
}

}  // namespace

bool Detection::counts(const SinkGroup& group) const {
  return group.verdict == Verdict::kSink && group.kind != SinkKind::kPrimary &&
         std::ranges::none_of(group.runs, [&](std::size_t run) { return runs[run].verdict == Verdict::kSink; });
}

std::int64_t Detection::n_sinks() const {
  return std::ranges::count(runs, Verdict::kSink, &Run::verdict) +
         std::ranges::count_if(groups, [&](const SinkGroup& group) { return counts(group); });
}

Detection detect_by_evidence(const SequenceFigures& figures, const Thresholds& thresholds) {
  PrimarySearch search = find_primary(figures, thresholds);
  Detection detection;
  detection.primary = std::move(search.primary);
  detection.no_primary_reason = std::move(search.no_primary_reason);
  const auto& primary = detection.primary;
  const RunFinder finder(figures, thresholds, primary);
  std::vector<StateSpan> spans;
  if (primary) {
    const TokenProfile* token = profile_of(figures, primary->position);
    for (const auto& [first, last] : primary->active_layers) {
      spans.push_back({token, first, last, SinkKind::kPrimary, search.by_itself, std::nullopt});
    }
  }
  const auto add_runs = [&](const TokenProfile& token) {
    if (primary && token.position == primary->position) return;
    const bool in_set = primary && std::ranges::count(primary->set, token.position) > 0;
    for (const Run& run : finder.runs_of(token)) {
      const auto at = in_set ? std::nullopt : std::optional(detection.runs.size());
      if (run.kind != SinkKind::kUnaligned) {
        spans.push_back({&token, run.l_start, run.l_end, run.kind, run.verdict == Verdict::kSink, at});
      }
      if (!in_set) detection.runs.push_back(run);
    }
  };
  for (const TokenProfile& token : figures.first_positions) add_runs(token);
  for (const TokenProfile& token : figures.tokens) add_runs(token);
  detection.groups = find_groups(figures, thresholds, spans);
  for (std::size_t g = 0; g < detection.groups.size(); ++g) {
    const SinkGroup& group = detection.groups[g];
    for (const std::size_t run : group.runs) detection.runs[run].group = static_cast<int>(g);
    const bool has_primary = group.kind == SinkKind::kPrimary && !detection.primary->group;
    if (has_primary) detection.primary->group = static_cast<int>(g);
  }
  return detection;
}

}  // namespace sinkscope
