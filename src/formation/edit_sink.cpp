#include "formation/edit_sink.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"
#include "probe/change_rows.h"
#include "scan/examine.h"
#include "sinks/every_token.h"

namespace sinkscope {
namespace {

// MLPs by falling excess; those without a positive one are left out.
std::vector<int> tallest_mlps(const PartExcess& excess, int n) {
  std::vector<int> layers;
  for (int l = 0; l < static_cast<int>(excess.excess.mlp.size()); ++l) {
    if (excess.excess.mlp[index(l)] > 0) layers.push_back(l);
  }
  std::ranges::stable_sort(layers, std::ranges::greater(), [&](int l) { return excess.excess.mlp[index(l)]; });
  layers.resize(std::min(layers.size(), index(n)));
  return layers;
}

// Runs of one sink's cut text.
class CutText {
 public:
  CutText(Model& model, const ScannedSequence& sequence, const Run& run, const Thresholds& thresholds, int n_tokens,
          const ExplainOptions& options, const RunOptions& run_options)
      : model_(model), run_(run), options_(options) {
    pack_.sequences.emplace_back(sequence.tokens.begin(), sequence.tokens.begin() + n_tokens);
    examine_.run = run_options;
    examine_.thresholds = thresholds;
    examine_.floor = kEveryToken;  // a sink that is gone shows no evidence any more
  }

  // kept and removed are of the outcome before.
  EditOutcome outcome(std::vector<ChangeRows::Change> changes, const std::optional<double>& before) {
    ChangeRows edit(std::move(changes));
    examine_.run.edits.push_back(&edit);
    EditOutcome outcome = look();
    examine_.run.edits.pop_back();
    if (outcome.far_boost && before && *before > 0) {
      outcome.kept = *outcome.far_boost / *before;
      outcome.removed = *outcome.far_boost < options_.removed_boost && *outcome.kept <= options_.removed_kept;
    }
    return outcome;
  }
  EditOutcome look() {
    const Examined examined = std::move(examine(model_, pack_, examine_).front());
    EditOutcome outcome;
    const TokenProfile* profile = profile_of(examined.figures, run_.position);
    if (profile != nullptr) {
      std::vector<double> boosts;
      for (int block = run_.l_start + 1; block <= run_.l_end + 1 && block < examined.figures.n_layers; ++block) {
        const auto& boost = profile->far_boost[index(block)];
        if (boost) boosts.push_back(static_cast<double>(*boost));
      }
      if (!boosts.empty()) outcome.far_boost = median_of(std::span<double>(boosts));
    }
    for (const Run& other : examined.detection.runs) {
      const bool overlaps = other.l_start <= run_.l_end && other.l_end >= run_.l_start;
      if (other.position == run_.position && overlaps) outcome.run = {other.l_start, other.l_end};
    }
    return outcome;
  }

 private:
  Model& model_;
  const Run& run_;
  const ExplainOptions& options_;
  Pack pack_;
  ExamineOptions examine_;
};

}  // namespace

EditPlan plan_edits(const RunExplanation& run, const ExplainOptions& options) {
  EditPlan plan;
  if (!run.start || !run.peak) return plan;
  std::set<int> layers;
  for (const PartExcess* excess : {&*run.start, &*run.peak}) {
    for (const int layer : tallest_mlps(*excess, options.n_edit_layers)) layers.insert(layer);
  }
  plan.layers.assign(layers.begin(), layers.end());
  const auto& mlps = run.peak->excess.mlp;
  double positive = std::max(run.peak->excess.embedding, 0.0);
  for (const double e : mlps) positive += std::max(e, 0.0);
  for (const double e : run.peak->excess.attention) positive += std::max(e, 0.0);
  for (int l = 0; l < static_cast<int>(mlps.size()); ++l) {
    if (positive > 0 && mlps[index(l)] / positive >= options.together_share) plan.together.push_back(l);
    if (layers.contains(l)) continue;
    if (!plan.placebo || std::abs(mlps[index(l)]) < std::abs(mlps[index(*plan.placebo)])) plan.placebo = l;
  }
  return plan;
}

int edited_tokens(int n_tokens, int position, const ExplainOptions& options) {
  return std::min(n_tokens, std::max(position + options.tokens_after, options.min_tokens));
}

bool edit_sink(Model& model, const ScannedSequence& sequence, RunExplanation& run, const Thresholds& thresholds,
               const ExplainOptions& options, const RunOptions& run_options) {
  const EditPlan plan = plan_edits(run, options);
  if (plan.layers.empty()) return false;
  const int t = run.run.position;
  const int n_tokens = edited_tokens(static_cast<int>(sequence.tokens.size()), t, options);
  CutText text(model, sequence, run.run, thresholds, n_tokens, options, run_options);
  const EditOutcome before = text.look();
  if (!before.run || !before.far_boost) return false;

  std::vector<int> kept = run.controls.positions;
  kept.push_back(t);
  std::ranges::sort(kept);
  const HeightWishes wishes{
      kept, run.run.l_end + 1, {}, {}, std::max(kept.back(), sequence.detection.primary->position) + 1};
  const SequenceHeights heights = measure_heights(model, sequence, wishes, run_options);
  const auto axis_of = [&](int layer) {
    const auto row = heights.axes.row(index(layer));
    return std::vector<float>(row.begin(), row.end());
  };
  // The mean of what the controls' MLPs write.
  const auto mean_write = [&](int layer) {
    std::vector<float> mean(heights.axes.cols());
    for (const int control : run.controls.positions) {
      const auto write = heights.kept.at(control).mlp.row(index(layer));
      for (std::size_t i = 0; i < mean.size(); ++i) {
        mean[i] += write[i] / static_cast<float>(run.controls.positions.size());
      }
    }
    return mean;
  };
  const auto place = [&](int layer) { return RowPlace{ProbePoint::kMlpWrite, layer, 0, t}; };
  const auto axis_edit = [&](int layer) -> ChangeRows::Change {
    const std::vector<float> axis = axis_of(layer);
    return {place(layer), SetComponent{axis, dot(mean_write(layer), axis)}};
  };
  const auto excess_of = [&](int layer) {
    const PartExcess& excess = layer <= run.start->layer ? *run.start : *run.peak;
    return excess.excess.mlp.at(index(layer));
  };

  const auto edit_layer = [&](int layer, bool placebo) {
    LayerEdit edit;
    edit.layer = layer;
    edit.placebo = placebo;
    edit.excess = placebo ? run.peak->excess.mlp.at(index(layer)) : excess_of(layer);
    edit.tokens_run = n_tokens;
    edit.far_boost_before = before.far_boost;
    edit.axis = text.outcome({axis_edit(layer)}, before.far_boost);
    if (!placebo) {
      edit.rest = text.outcome({{place(layer), ReplaceRest{axis_of(layer), mean_write(layer)}}}, before.far_boost);
    }
    run.edits.push_back(std::move(edit));
  };
  for (const int layer : plan.layers) edit_layer(layer, false);
  if (plan.placebo) edit_layer(*plan.placebo, true);
  if (!plan.together.empty()) {
    std::vector<ChangeRows::Change> changes;
    for (const int layer : plan.together) changes.push_back(axis_edit(layer));
    run.together = TogetherEdit{plan.together, before.far_boost, text.outcome(std::move(changes), before.far_boost)};
  }
  return true;
}

}  // namespace sinkscope
