#include "impact/ablate_sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "impact/attention_recorder.h"
#include "base/statistics/document_draws.h"
#include "probe/tee_observer.h"
#include "scan/examine.h"

namespace sinkscope {
namespace {

std::set<int> sinks_of(const Detection& detection) {
  std::set<int> positions;
  if (!detection.primary) return positions;
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind != SinkKind::kPrimary) positions.insert(run.position);
  }
  for (const int position : detection.primary->set) positions.erase(position);
  positions.erase(detection.primary->position);
  return positions;
}

// The runs of one sequence.
class AblatedSequence {
 public:
  AblatedSequence(Model& model, const SequenceToAblate& sequence, const NamedSinks& sinks, const AblateRequest& request)
      : model_(model), sequence_(sequence), request_(request), removed_(sinks.sinks) {
    pack_.sequences.push_back(sequence.tokens);
    const Primary& primary = *sequence.detection.primary;
    primary_set_ = primary.set;
    primary_ = primary.position;
    if (std::ranges::find(primary_set_, primary_) == primary_set_.end()) primary_set_.push_back(primary_);
    std::ranges::sort(primary_set_);
    look_unedited(sinks);
  }

  SequenceAblation ablate(const EditHow& how) {
    SequenceAblation ablation;
    ablation.n_tokens = n_tokens();
    ablation.primary = primary_;
    ablation.removed = removed_;
    ablation.placebo = placebo_;
    const std::vector<BlockRecord>& base = base_for(how);
    for (const BlockRecord& block : base) {
      BlockBase of_block{static_cast<int>(block.queries.size()), {}};
      if (of_block.n_queries >= kMinEffectQueries) of_block.figures = primary_figures(block, 0);
      ablation.base.push_back(std::move(of_block));
    }
    std::vector<EditedStates> states;
    ablation.edited = run_edited(how, removed_, base, 0, states);
    for (std::size_t draw = 0; draw < placebo_.draws.size(); ++draw) {
      ablation.placebo_runs.push_back(run_edited(how, placebo_.draws[draw], base, 1 + draw, states));
    }
    if (request_.loss) add_token_effects(ablation, states);
    return ablation;
  }

 private:
  ExamineOptions examine_options(Keep keep) const {
    ExamineOptions options;
    options.run = request_.run;
    options.thresholds = request_.thresholds;
    options.keep = keep;
    return options;
  }

  // The unedited run: its sinks, tokens for the placebo, and the sink axis where an edit needs it.
  void look_unedited(const NamedSinks& sinks) {
    StateKeeper keeper(n_layers(), primary_);
    FinalStates final_states(n_tokens());
    TeeObserver both(keeper, final_states);
    Observer& also = request_.loss ? static_cast<Observer&>(both) : keeper;
    const Examined examined = std::move(examine(model_, pack_, examine_options(Keep::kProfiles), &also).front());
    final_states_ = final_states.states();
    unedited_sinks_ = sinks_of(examined.detection);
    if (std::ranges::any_of(request_.edits, &EditHow::needs_axis)) {
      if (examined.figures.candidate != primary_) {
        throw Error(ErrorCode::kModel, fmt::format("unwrite: expected position {} to be the primary of the run, as in "
                                                   "the results file, got another; scan the file again",
                                                   primary_));
      }
      axes_ = sink_axes(keeper.states(), examined.profiles);
    }
    if (!sinks.placebo.empty()) {
      placebo_.draws = sinks.placebo;
      placebo_.n_wanted = static_cast<int>(sinks.placebo.size());
      for (const std::vector<RemovedToken>& draw : sinks.placebo) {
        for (std::size_t i = 0; i < draw.size(); ++i) {
          placebo_.max_distance =
              std::max(placebo_.max_distance, std::abs(draw[i].position - removed_[i].position));
        }
      }
      return;
    }
    std::vector<std::uint8_t> ordinary = ordinary_tokens(examined.profiles, examined.figures.ordinary_norm);
    for (const int position : unedited_sinks_) ordinary[index(position)] = 0;
    for (const int position : primary_set_) ordinary[index(position)] = 0;
    placebo_ = draw_placebo(ordinary, removed_, request_.n_draws, request_.seed, stream_of_document(sequence_.key));
  }

  // Positions of tokens whose edit is in force in a block.
  static std::vector<int> in_force(const EditHow& how, std::span<const RemovedToken> tokens, int block) {
    std::vector<int> positions;
    for (const RemovedToken& token : tokens) {
      if (block >= how.first_block(token.l_start)) positions.push_back(token.position);
    }
    return positions;
  }

  RecordPlan plan() const {
    RecordPlan plan;
    plan.primary = primary_;
    plan.primary_set = primary_set_;
    plan.blocks.resize(index(n_layers()));
    plan.min_distance = request_.run.min_distance;
    return plan;
  }

  // The unedited run's attention on the primary, the removed keys, and those of each draw: in that order.
  const std::vector<BlockRecord>& base_for(const EditHow& how) {
    std::vector<BlockRecord>& base = base_[how.kind == EditKind::kEvict ? 1 : 0];
    if (!base.empty()) return base;
    RecordPlan wanted = plan();
    wanted.choose_queries = true;
    for (int b = 0; b < n_layers(); ++b) {
      if (!model_.facts().has_attention[index(b)]) continue;
      std::vector<int> removed = in_force(how, removed_, b);
      if (removed.empty()) continue;
      std::vector<std::vector<int>>& groups = wanted.blocks[index(b)].groups;
      groups.push_back(std::move(removed));
      for (const std::vector<RemovedToken>& draw : placebo_.draws) groups.push_back(in_force(how, draw, b));
    }
    AttentionRecorder recorder(std::move(wanted));
    if (request_.loss && !later_) {
      TeeObserver both(recorder, later_.emplace(later_states()));
      model_.run(pack_, both, request_.run);
    } else {
      model_.run(pack_, recorder, request_.run);
    }
    base = recorder.take();
    return base;
  }

  // The same queries, and the keys of `groups` that positions_of names for a block.
  template <typename PositionsOf>
  AttentionRecorder recorder_like(const std::vector<BlockRecord>& base, const PositionsOf& positions_of) const {
    RecordPlan wanted = plan();
    for (int b = 0; b < n_layers(); ++b) {
      if (base[index(b)].queries.size() < index(kMinEffectQueries)) continue;
      wanted.blocks[index(b)] = {{positions_of(b)}, base[index(b)].queries};
    }
    return AttentionRecorder(std::move(wanted));
  }

  // states  the run's final states are added, where losses are asked for
  EditedRun run_edited(const EditHow& how, std::span<const RemovedToken> tokens, const std::vector<BlockRecord>& base,
                       std::size_t group, std::vector<EditedStates>& states) {
    const std::unique_ptr<Edit> edit = make_edit(how, tokens, axes_, n_layers());
    ExamineOptions options = examine_options(Keep::kRuns);
    if (edit) options.run.edits.push_back(edit.get());
    AttentionRecorder recorder = recorder_like(base, [&](int block) { return in_force(how, tokens, block); });
    FinalStates final_states(n_tokens());
    TeeObserver both(recorder, final_states);
    std::optional<DownstreamChanges> changes;
    std::optional<TeeObserver> all;
    if (request_.loss) all.emplace(both, changes.emplace(*later_));
    Observer& also = all ? static_cast<Observer&>(*all) : recorder;
    const Examined examined = std::move(examine(model_, pack_, options, &also).front());
    const std::vector<BlockRecord> edited = recorder.take();
    if (request_.loss) {
      EditedStates& of_run = states.emplace_back(final_states.states());
      for (const RemovedToken& token : tokens) of_run.removed.push_back(token.position);
      std::ranges::sort(of_run.removed);
    }

    EditedRun run;
    if (changes) run.downstream = changes->means();
    run.blocks.resize(base.size());
    for (std::size_t b = 0; b < base.size(); ++b) {
      if (!edited[b].queries.empty()) run.blocks[b] = block_effect(base[b], group, edited[b]);
    }
    run.detection = compare(examined.detection, tokens);
    if (!run.detection.new_sinks.empty()) add_replaced_mass(run, options.run, base);
    return run;
  }

  // For unedited states of tokens that no run removes, behind the first that is.
  DownstreamStates later_states() const {
    std::set<int> besides;
    for (const RemovedToken& token : removed_) besides.insert(token.position);
    const int first = *besides.begin();
    for (const std::vector<RemovedToken>& draw : placebo_.draws) {
      for (const RemovedToken& token : draw) besides.insert(token.position);
    }
    const std::vector<int> ascending(besides.begin(), besides.end());
    const int d_model = model_.facts().d_model;
    return {downstream_tokens(first, n_tokens(), ascending, n_layers(), d_model), n_layers(), d_model};
  }

  void add_token_effects(SequenceAblation& ablation, const std::vector<EditedStates>& states) {
    int first = n_tokens();
    for (const RemovedToken& token : removed_) first = std::min(first, token.position);
    const std::vector<TokenEffect> effects =
        token_effects(model_, sequence_.tokens, first, final_states_, states, request_.run.should_stop);
    ablation.edited.tokens = effects.front();
    for (std::size_t draw = 0; draw < ablation.placebo_runs.size(); ++draw) {
      ablation.placebo_runs[draw].tokens = effects[1 + draw];
    }
  }

  EditedDetection compare(const Detection& edited, std::span<const RemovedToken> tokens) const {
    EditedDetection result;
    if (edited.primary) result.primary = edited.primary->position;
    const std::set<int> sinks = sinks_of(edited);
    const auto is_removed = [&](int position) {
      return std::ranges::find(tokens, position, &RemovedToken::position) != tokens.end();
    };
    for (const int position : sinks) {
      if (!unedited_sinks_.contains(position) && !is_removed(position)) result.new_sinks.push_back(position);
    }
    for (const int position : unedited_sinks_) {
      if (!sinks.contains(position) && !is_removed(position)) result.lost_sinks.push_back(position);
    }
    return result;
  }

  // Which tokens become sinks is known once the edited run ends, so what they draw takes another.
  void add_replaced_mass(EditedRun& run, const RunOptions& options, const std::vector<BlockRecord>& base) {
    AttentionRecorder recorder = recorder_like(base, [&](int) { return run.detection.new_sinks; });
    model_.run(pack_, recorder, options);
    const std::vector<BlockRecord> again = recorder.take();
    for (std::size_t b = 0; b < again.size(); ++b) {
      if (run.blocks[b]) run.blocks[b]->replaced_mass = mean_mass(again[b], 0);
    }
  }

  int n_layers() const { return model_.facts().n_layers; }
  int n_tokens() const { return static_cast<int>(sequence_.tokens.size()); }

  Model& model_;
  const SequenceToAblate& sequence_;
  const AblateRequest& request_;
  const std::vector<RemovedToken>& removed_;
  Pack pack_;
  int primary_ = 0;
  std::vector<int> primary_set_;
  std::set<int> unedited_sinks_;
  Matrix<float> final_states_;  // of the unedited run
  std::optional<DownstreamStates> later_;  // of it, where losses are asked for
  SinkAxes axes_;
  Placebo placebo_;
  std::vector<BlockRecord> base_[2];  // of edits in force after l_start; of those in force in every block
};

void check_named(const NamedSinks& named, const SequenceToAblate& sequence, int n_layers) {
  const Primary& primary = *sequence.detection.primary;
  std::set<int> seen;
  const auto check = [&](const RemovedToken& token) {
    const auto refuse = [&](const std::string& expected) {
      throw Error(ErrorCode::kUsage, fmt::format("sinks of document {}: expected {}, got position {}, layers {} to {}",
                                                 sequence.key.substr(0, 12), expected, token.position, token.l_start,
                                                 token.l_end));
    };
    const int n_tokens = static_cast<int>(sequence.tokens.size());
    if (token.position < 0 || token.position >= n_tokens) refuse(fmt::format("positions from 0 to {}", n_tokens - 1));
    if (token.l_start < 0 || token.l_end < token.l_start || token.l_end >= n_layers) {
      refuse(fmt::format("layers from 0 to {}", n_layers - 1));
    }
    if (token.position == primary.position ||
        std::ranges::find(primary.set, token.position) != primary.set.end()) {
      refuse(fmt::format("no position of the primary ({})", primary.position));
    }
    if (!seen.insert(token.position).second) refuse("each position once");
  };
  for (const RemovedToken& token : named.sinks) check(token);
  for (const std::vector<RemovedToken>& draw : named.placebo) {
    for (const RemovedToken& token : draw) check(token);
  }
}

}  // namespace

NamedSinks tokens_to_remove(const SequenceToAblate& sequence, const AblateRequest& request, int n_layers) {
  if (!sequence.detection.primary) return {};
  if (!request.named) return {selected_sinks(sequence.detection, request.selection), {}};
  const auto found = request.named->find(sequence.key);
  if (found == request.named->end()) return {};
  check_named(found->second, sequence, n_layers);
  return found->second;
}

std::vector<SequenceAblation> ablate_sequence(Model& model, const SequenceToAblate& sequence, const NamedSinks& sinks,
                                              const AblateRequest& request) {
  AblatedSequence ablated(model, sequence, sinks, request);
  std::vector<SequenceAblation> results;
  for (const EditHow& how : request.edits) results.push_back(ablated.ablate(how));
  return results;
}

}  // namespace sinkscope
