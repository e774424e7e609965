#include "impact/steer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "base/key_values.h"
#include "impact/attention_recorder.h"
#include "impact/block_effect.h"
#include "impact/kept_tokens.h"
#include "impact/placebo.h"
#include "impact/sink_axes.h"
#include "probe/change_rows.h"
#include "probe/tee_observer.h"
#include "scan/examine.h"

namespace sinkscope {
namespace {

constexpr std::size_t kFirstLater = 8;

template <typename T>
std::optional<T> number_in(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

SteerChange change_from(std::string_view text, bool adds) {
  const auto refuse = [&](const std::string& got) {
    throw Error(ErrorCode::kUsage, fmt::format("steer \"{}\": expected e.g. \"layer=14,position=120,{}norm=4000\"; got {}",
                                               text, adds ? "direction=axis," : "", got));
  };
  SteerChange change;
  std::optional<int> layer, position;
  std::optional<double> norm;
  if (adds) change.direction = Direction{};
  for (const auto& [key, value] : key_values_of(text, refuse)) {
    if (key == "layer") {
      layer = number_in<int>(value);
      if (!layer || *layer < 0) refuse(fmt::format("layer '{}'", value));
    } else if (key == "position") {
      position = number_in<int>(value);
      if (!position || *position < 0) refuse(fmt::format("position '{}'", value));
    } else if (key == "norm") {
      norm = number_in<double>(value);
      if (!norm || !std::isfinite(*norm) || *norm < 0) refuse(fmt::format("norm '{}'", value));
    } else if (key == "direction" && adds) {
      change.direction = parse_direction(value);
    } else {
      refuse(fmt::format("'{}'", key));
    }
  }
  if (!layer) refuse("no layer");
  if (!position) refuse("no position");
  if (!norm) refuse("no norm");
  change.layer = *layer;
  change.position = *position;
  change.norm = *norm;
  return change;
}

// Keeps the states of all tokens after some layers.
class LayerStates final : public Observer {
 public:
  LayerStates(const std::vector<SteerChange>& changes, int n_tokens, int d_model) {
    for (const SteerChange& change : changes) {
      if (change.direction) states_.emplace(change.layer, Matrix<float>(index(n_tokens), index(d_model)));
    }
  }
  bool wants(ProbePoint point, int layer) override {
    return point == ProbePoint::kBlockOutput && states_.contains(layer);
  }
  void on_state(const StateEvent& event) override {
    Matrix<float>& all = states_.at(event.layer);
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      std::ranges::copy(event.states.row(row), all.row(index(event.first_token) + row).begin());
    }
  }
  const Matrix<float>& of(int layer) const { return states_.at(layer); }

 private:
  std::map<int, Matrix<float>> states_;
};

// The mean of the rows at length 1, so that no long state outweighs others.
template <typename Wanted>
std::vector<float> mean_direction(const Matrix<float>& states, const Wanted& wanted) {
  std::vector<double> sum(states.cols(), 0.0);
  for (std::size_t t = 0; t < states.rows(); ++t) {
    if (!wanted(t)) continue;
    double square = 0;
    for (const float x : states.row(t)) square += static_cast<double>(x) * static_cast<double>(x);
    for (std::size_t i = 0; i < sum.size() && square > 0; ++i) {
      sum[i] += static_cast<double>(states(t, i)) / std::sqrt(square);
    }
  }
  return {sum.begin(), sum.end()};
}

class SteeredText {
 public:
  SteeredText(Model& model, const std::vector<TokenId>& tokens, const SteerRequest& request)
      : model_(model), tokens_(tokens), request_(request), states_(request.changes, n_tokens(), model.facts().d_model) {
    check();
    for (const SteerChange& change : request.changes) {
      const auto [first, added] = first_layer_.emplace(change.position, change.layer);
      first->second = std::min(first->second, change.layer);
    }
  }

  Steering steer() {
    Steering steering;
    FinalStates final_states(n_tokens());
    TeeObserver both(states_, final_states);
    Observer& also = request_.loss ? static_cast<Observer&>(both) : states_;
    const Examined unedited = examined_with({}, also);
    if (!unedited.detection.primary) {
      throw Error(ErrorCode::kInput, fmt::format("steer: expected a text with a primary sink, along whose state is "
                                                 "written; got none: {}",
                                                 unedited.detection.no_primary_reason));
    }
    primary_ = *unedited.detection.primary;
    steering.primary = primary_.position;
    int first_layer = n_layers();
    for (const auto& [position, layer] : first_layer_) first_layer = std::min(first_layer, layer);
    steering.first_block = first_layer + 1;
    record_base(steering);
    const std::vector<std::vector<SteerChange>> draws = placebo_changes(unedited, steering);

    std::vector<EditedStates> edited_states;
    steering.unedited = read(unedited, request_.changes, base_);
    steering.steered = run_with(request_.changes, steering, edited_states);
    for (const std::vector<SteerChange>& draw : draws) {
      steering.placebo.push_back(run_with(draw, steering, edited_states));
    }
    if (request_.loss) {
      const std::vector<TokenEffect> effects =
          token_effects(model_, tokens_, first_layer_.begin()->first, final_states.states(), edited_states,
                        request_.run.should_stop);
      steering.steered.effect = effects.front();
      for (std::size_t i = 0; i < steering.placebo.size(); ++i) steering.placebo[i].effect = effects[1 + i];
    }
    return steering;
  }

 private:
  void check() const {
    if (request_.changes.empty()) throw Error(ErrorCode::kUsage, "steer: expected something to add or clip, got nothing");
    for (const SteerChange& change : request_.changes) {
      if (change.layer >= n_layers()) {
        throw Error(ErrorCode::kUsage, fmt::format("steer: expected a layer from 0 to {}, got {}", n_layers() - 1, change.layer));
      }
      if (change.position >= n_tokens()) {
        throw Error(ErrorCode::kUsage,
                    fmt::format("steer: expected a position from 0 to {}, got {}", n_tokens() - 1, change.position));
      }
    }
  }

  Examined examined_with(std::vector<Edit*> edits, Observer& also) {
    ExamineOptions options;
    options.run = request_.run;
    options.run.edits = std::move(edits);
    options.thresholds = request_.thresholds;
    options.keep = Keep::kProfiles;
    return std::move(examine(model_, {{tokens_}}, options, &also).front());
  }

  RecordPlan plan() const {
    RecordPlan plan;
    plan.primary = primary_.position;
    plan.primary_set = primary_.set;
    if (std::ranges::find(plan.primary_set, plan.primary) == plan.primary_set.end()) {
      plan.primary_set.push_back(plan.primary);
    }
    std::ranges::sort(plan.primary_set);
    plan.blocks.resize(index(n_layers()));
    plan.min_distance = request_.run.min_distance;
    return plan;
  }

  void record_base(Steering& steering) {
    RecordPlan wanted = plan();
    wanted.choose_queries = true;
    std::vector<int> positions;
    for (const auto& [position, layer] : first_layer_) positions.push_back(position);
    for (int b = steering.first_block; b < end_block(steering); ++b) {
      if (model_.facts().has_attention[index(b)]) wanted.blocks[index(b)].groups = {positions};
    }
    AttentionRecorder recorder(std::move(wanted));
    model_.run({{tokens_}}, recorder, request_.run);
    base_ = recorder.take();
    first_block_ = steering.first_block;
    if (first_block_ < n_layers()) steering.n_queries = static_cast<int>(base_[index(first_block_)].queries.size());
  }

  int end_block(const Steering& steering) const { return std::min(steering.first_block + kSteeredBlocks, n_layers()); }

  std::vector<std::vector<SteerChange>> placebo_changes(const Examined& unedited, Steering& steering) {
    std::vector<std::uint8_t> ordinary = ordinary_tokens(unedited.profiles, unedited.figures.ordinary_norm);
    for (const int position : primary_and_sinks(unedited.detection)) ordinary[index(position)] = 0;
    std::vector<RemovedToken> steered;
    for (const auto& [position, layer] : first_layer_) steered.push_back({position, layer, layer, std::nullopt});
    const Placebo placebo = draw_placebo(ordinary, steered, request_.n_draws, request_.seed, 0);
    steering.n_wanted = placebo.n_wanted;
    steering.placebo_distance = placebo.max_distance;
    std::vector<std::vector<SteerChange>> draws;
    for (const std::vector<RemovedToken>& draw : placebo.draws) {
      std::vector<SteerChange>& changes = draws.emplace_back(request_.changes);
      for (SteerChange& change : changes) {
        const auto at = std::ranges::find(steered, change.position, &RemovedToken::position) - steered.begin();
        change.position = draw[index(static_cast<int>(at))].position;
      }
    }
    return draws;
  }

  std::vector<float> vector_of(const SteerChange& change) const {
    const Matrix<float>& states = states_.of(change.layer);
    const auto axis = states.row(index(primary_.position));
    const std::vector<float> mean = mean_direction(states, [](std::size_t t) { return t >= kFirstLater; });
    const std::vector<float> token =
        mean_direction(states, [&](std::size_t t) { return tokens_[t] == change.direction->token; });
    std::vector<float> vector = unit_direction(*change.direction, {axis, mean, token}, request_.seed);
    for (float& x : vector) x = static_cast<float>(static_cast<double>(x) * change.norm);
    return vector;
  }

  SteeredRun run_with(const std::vector<SteerChange>& changes, const Steering& steering,
                      std::vector<EditedStates>& edited_states) {
    std::vector<ChangeRows::Change> rows;
    for (const SteerChange& change : changes) {
      const RowPlace place{ProbePoint::kMlpWrite, change.layer, 0, change.position};
      if (change.direction) {
        rows.emplace_back(place, AddToRow{vector_of(change)});
      } else {
        rows.emplace_back(place, ClipNorm{change.norm});
      }
    }
    ChangeRows edit(std::move(rows));
    RecordPlan wanted = plan();
    for (int b = steering.first_block; b < end_block(steering); ++b) {
      if (base_[index(b)].queries.size() < index(kMinEffectQueries)) continue;
      wanted.blocks[index(b)] = {{wanted.primary_set}, base_[index(b)].queries};
    }
    AttentionRecorder recorder(std::move(wanted));
    FinalStates final_states(n_tokens());
    TeeObserver both(recorder, final_states);
    Observer& also = request_.loss ? static_cast<Observer&>(both) : recorder;
    const Examined examined = examined_with({&edit}, also);
    if (request_.loss) {
      EditedStates& states = edited_states.emplace_back(final_states.states());
      std::set<int> positions;
      for (const SteerChange& change : changes) positions.insert(change.position);
      states.removed.assign(positions.begin(), positions.end());
    }
    return read(examined, changes, recorder.take());
  }

  SteeredRun read(const Examined& examined, const std::vector<SteerChange>& changes,
                  const std::vector<BlockRecord>& records) const {
    SteeredRun result;
    if (examined.detection.primary) result.primary = examined.detection.primary->position;
    for (int b = first_block_; b < std::min(first_block_ + kSteeredBlocks, n_layers()); ++b) {
      const BlockRecord& record = records[index(b)];
      std::optional<double>& score = result.primary_score.emplace_back();
      if (record.queries.size() < index(kMinEffectQueries)) continue;
      double sum = 0;
      for (const float a : record.primary) sum += static_cast<double>(a);
      score = sum / static_cast<double>(record.primary.size());
    }
    const auto norms = profile_of_all(examined.profiles, "hidden_norm");
    const auto alignments = profile_of_all(examined.profiles, "alignment");
    const auto boosts = profile_of_all(examined.profiles, "far_boost");
    std::map<int, int> first_layer;
    for (const SteerChange& change : changes) {
      const auto [at, added] = first_layer.emplace(change.position, change.layer);
      at->second = std::min(at->second, change.layer);
    }
    for (const auto& [position, layer] : first_layer) {
      SteeredToken token;
      token.position = position;
      token.layer = layer;
      const auto l = index(layer), t = index(position);
      if (std::isfinite(alignments(l, t))) token.alignment = static_cast<double>(alignments(l, t));
      const auto& ordinary = examined.figures.ordinary_norm[l];
      if (ordinary) token.norm_ratio = static_cast<double>(norms(l, t)) / static_cast<double>(*ordinary);
      for (int b = layer + 1; b <= std::min(layer + kSteeredBlocks, n_layers() - 1); ++b) {
        const float boost = boosts(index(b), t);
        token.far_boost.push_back(std::isfinite(boost) ? std::optional(static_cast<double>(boost)) : std::nullopt);
      }
      if (const auto& primary = examined.detection.primary) {
        token.is_primary = position == primary->position || std::ranges::count(primary->set, position) > 0;
      }
      for (const Run& run : examined.detection.runs) {
        if (run.position != position) continue;
        const bool better = !token.run || (token.run->verdict != Verdict::kSink && run.verdict == Verdict::kSink);
        if (better) token.run = run;
      }
      result.tokens.push_back(std::move(token));
    }
    return result;
  }

  int n_layers() const { return model_.facts().n_layers; }
  int n_tokens() const { return static_cast<int>(tokens_.size()); }

  Model& model_;
  const std::vector<TokenId>& tokens_;
  const SteerRequest& request_;
  LayerStates states_;              // of the unedited run
  std::map<int, int> first_layer_;  // of each changed position
  Primary primary_;
  std::vector<BlockRecord> base_;  // of the unedited run
  int first_block_ = 0;
};

}  // namespace

SteerChange steer_add_from(std::string_view text) { return change_from(text, true); }
SteerChange steer_clip_from(std::string_view text) { return change_from(text, false); }

Steering steer(Model& model, const std::vector<TokenId>& tokens, const SteerRequest& request) {
  return SteeredText(model, tokens, request).steer();
}

}  // namespace sinkscope
