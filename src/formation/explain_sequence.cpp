#include "formation/explain_sequence.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "base/statistics.h"
#include "base/statistics/document_draws.h"
#include "base/statistics/random.h"

namespace sinkscope {
namespace {

std::vector<float> column(const Matrix<float>& by_layer, int position) {
  std::vector<float> values(by_layer.rows());
  for (std::size_t l = 0; l < values.size(); ++l) values[l] = by_layer(l, index(position));
  return values;
}

std::vector<float> mean_column(const Matrix<float>& by_layer, std::span<const int> positions) {
  std::vector<float> values(positions.empty() ? 0 : by_layer.rows());
  for (std::size_t l = 0; l < values.size(); ++l) {
    double sum = 0;
    for (const int position : positions) sum += static_cast<double>(by_layer(l, index(position)));
    values[l] = static_cast<float>(sum / static_cast<double>(positions.size()));
  }
  return values;
}

// The excess of a token's state of layer q over that of its controls.
PartExcess excess_at(const SequenceHeights& heights, MatrixView<const float> axes, double norm, int position,
                     std::span<const int> controls, int q, const ExplainOptions& options) {
  std::vector<PartHeights> of_controls;
  std::vector<const KeptStates*> states;
  for (const int control : controls) {
    states.push_back(&heights.kept.at(control));
    of_controls.push_back(part_heights(*states.back(), q, axes.row(index(q)), norm));
  }
  const KeptStates& sink = heights.kept.at(position);
  PartExcess excess = excess_over(part_heights(sink, q, axes.row(index(q)), norm), of_controls, q, options);
  add_cosines(excess, sink, states, axes);
  return excess;
}

// The parts of a state sum to it.
void check_sum(const PartExcess& excess, const SequenceHeights& heights, int position) {
  const auto height = static_cast<double>(heights.state(index(excess.layer), index(position)));
  if (std::abs(excess.total - height) <= 1e-3 * std::max(1.0, std::abs(height))) return;
  throw Error(ErrorCode::kModel, "writes up to layer " + std::to_string(excess.layer) +
                                     ": expected parts that sum to a "
                                     "height of " +
                                     std::to_string(height) + ", got " + std::to_string(excess.total) +
                                     "; this network adds something that is not observed");
}

// A token and layers that are looked at, with its controls.
struct Subject {
  int position = 0;
  int l_start = 0, l_end = 0;
  std::vector<int> eligible;
  Controls controls;
};

Subject subject_of(const ScannedSequence& sequence, int position, int l_start, int l_end,
                   const ExplainOptions& options) {
  Subject subject{position, l_start, l_end, {}, {}};
  subject.eligible =
      eligible_tokens(static_cast<int>(sequence.tokens.size()), sequence.detection, l_start, l_end, options);
  subject.controls = choose_controls(sequence.tokens, subject.eligible, position, options);
  return subject;
}

// The state at its peak, and whether MLPs formed it.
std::pair<PartExcess, bool> peak_of(const SequenceHeights& heights, const Subject& subject, int l_peak, double norm,
                                    const ExplainOptions& options) {
  PartExcess peak =
      excess_at(heights, heights.axes.view(), norm, subject.position, subject.controls.positions, l_peak, options);
  peak.rank_p = rank_p(heights.state.row(index(l_peak)), subject.eligible, subject.position);
  const bool formed = is_formed(peak, subject.controls.n_eligible, options);
  return {std::move(peak), formed};
}

// Tokens in no run, with layers of real runs.
std::vector<Subject> pretended_subjects(const ScannedSequence& sequence, const std::vector<Subject>& real, int n,
                                        const ExplainOptions& options) {
  if (real.empty()) return {};
  std::vector<int> tokens = tokens_in_no_run(static_cast<int>(sequence.tokens.size()), sequence.detection, options);
  RandomStream random(options.seed, stream_of_document(sequence.key));
  random.shuffle(std::span<int>(tokens));
  tokens.resize(std::min(tokens.size(), index(n)));
  std::vector<Subject> subjects;
  for (const int token : tokens) {
    const Subject& like = real[random.below(real.size())];
    Subject subject = subject_of(sequence, token, like.l_start, like.l_end, options);
    if (!subject.controls.positions.empty()) subjects.push_back(std::move(subject));
  }
  return subjects;
}

// Axes whose coordinates are exchanged, all alike.
Matrix<float> permuted(const Matrix<float>& axes, RandomStream& random) {
  std::vector<std::size_t> order(axes.cols());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(std::span<std::size_t>(order));
  Matrix<float> result(axes.rows(), axes.cols());
  for (std::size_t l = 0; l < axes.rows(); ++l) {
    for (std::size_t i = 0; i < axes.cols(); ++i) result(l, i) = axes(l, order[i]);
  }
  return result;
}

void add_permuted(FormationNull& null, const SequenceHeights& heights, const Subject& subject, int l_peak, double norm,
                  const std::vector<Matrix<float>>& axes, const ExplainOptions& options) {
  for (const Matrix<float>& of_draw : axes) {
    const PartExcess excess =
        excess_at(heights, of_draw.view(), norm, subject.position, subject.controls.positions, l_peak, options);
    ++null.n_permuted;
    // Ranks would need all states along this axis: they are left out, which makes the null harder to pass by.
    if (is_formed(excess, 0, options)) ++null.permuted_formed;
    null.permuted_excess.push_back(static_cast<float>(excess.sum));
  }
}

OrdinaryHeights ordinary_of(const SequenceHeights& heights, const ScannedSequence& sequence,
                            const std::vector<float>& norm, const ExplainOptions& options) {
  OrdinaryHeights ordinary;
  const auto tokens = tokens_in_no_run(static_cast<int>(sequence.tokens.size()), sequence.detection, options);
  ordinary.n = static_cast<int>(tokens.size());
  ordinary.norm = norm;
  if (tokens.empty()) return ordinary;
  std::vector<float> values(tokens.size());
  const auto sorted_layer = [&](const Matrix<float>& matrix, std::size_t layer) {
    for (std::size_t i = 0; i < tokens.size(); ++i) values[i] = matrix(layer, index(tokens[i]));
    std::ranges::sort(values);
  };
  for (std::size_t l = 0; l < heights.state.rows(); ++l) {
    sorted_layer(heights.state, l);
    ordinary.state_axis_p50.push_back(sorted_quantile(values, 0.5));
    sorted_layer(heights.mlp, l);
    ordinary.mlp_axis_p50.push_back(sorted_quantile(values, 0.5));
    ordinary.mlp_axis_p99.push_back(sorted_quantile(values, 0.99));
    sorted_layer(heights.attention, l);
    ordinary.attention_axis_p50.push_back(sorted_quantile(values, 0.5));
    ordinary.attention_axis_p99.push_back(sorted_quantile(values, 0.99));
  }
  return ordinary;
}

PrimaryExplanation primary_of(const ScannedSequence& sequence) {
  const Primary& primary = *sequence.detection.primary;
  const TokenProfile& profile = *profile_of(sequence.figures, primary.position);
  PrimaryExplanation result;
  result.position = primary.position;
  result.birth_layer = primary.birth_layer;
  result.norm_ratio = profile.norm_ratio;
  const auto longest = std::ranges::max_element(
      primary.active_layers, {}, [](const LayerInterval& interval) { return interval.second - interval.first; });
  const Matrix<float>& cosines = sequence.figures.self_cosine.at(index(primary.position));
  const auto middle = cosines.row(index((longest->first + longest->second) / 2));
  result.axis_cosine.assign(middle.begin(), middle.end());
  result.far_score = profile.far_score;
  result.far_boost = profile.far_boost;
  result.heads_over_03 = profile.sink_rate_03;
  result.value_norm_ratio = profile.value_norm_ratio;
  return result;
}

// Why nothing can be said of writes; empty if it can.
std::string writes_lacking(const ModelFacts& facts) {
  const auto lacks = std::ranges::find(facts.has_writes, false);
  if (lacks == facts.has_writes.end()) return {};
  return "expected a network that shows what its blocks write, got one that does not in layer " +
         std::to_string(lacks - facts.has_writes.begin());
}

RunEnd run_end(const SequenceHeights& heights, const Run& run, int l_peak, const std::vector<float>& norm,
               const ExplainOptions& options) {
  const std::vector<float> norms = column(heights.norm, run.position);
  std::vector<float> height = column(heights.state, run.position);
  for (std::size_t l = 0; l < height.size(); ++l) height[l] *= norm[l];
  return end_of_run({norms, height, heights.axis_norm, norm}, l_peak, run.l_end, options);
}

// The next block's view of the state at l_start.
std::optional<PartExcess> read_excess(const ModelWeights& weights, const SequenceHeights& heights,
                                      const Subject& subject, const ExplainOptions& options) {
  const int q = subject.l_start;
  if (index(q + 1) >= heights.axes.rows()) return std::nullopt;
  const std::vector<float> gain = weights.attention_gain(q + 1);
  if (gain.size() != heights.axes.cols()) return std::nullopt;
  const auto primary = heights.axes.row(index(q));  // its length is no matter
  const auto read = [&](int position) { return read_part_heights(heights.kept.at(position), q, gain, primary); };
  std::vector<PartHeights> controls;
  for (const int control : subject.controls.positions) controls.push_back(read(control));
  return excess_over(read(subject.position), controls, q, options);
}

void add_neurons(RunExplanation& run, ModelWeights& weights, const SequenceHeights& heights, int primary,
                 const std::vector<float>& norm, const ExplainOptions& options) {
  const auto layer = main_mlp(*run.start);
  if (!layer) return;
  const MlpWeights& mlp = weights.mlp(*layer);
  const auto input = [&](int position) {
    return std::as_const(heights.kept.at(position).mlp_input).row(index(*layer));
  };
  const MlpReading sink = mlp.read(input(run.run.position)), of_primary = mlp.read(input(primary));
  std::vector<MlpReading> controls;
  for (const int control : run.controls.positions) controls.push_back(mlp.read(input(control)));
  const auto axis = std::as_const(heights.axes).row(index(*layer));
  NeuronShares shares =
      neuron_shares(mlp, sink, controls, of_primary, axis, static_cast<double>(norm[index(*layer)]), options);
  run.like_primary = like_primary(*layer, input(run.run.position), sink, input(primary), of_primary);
  run.neurons = std::move(shares);
}

}  // namespace

std::optional<int> main_mlp(const PartExcess& excess) {
  const auto& mlps = excess.excess.mlp;
  const auto largest = std::ranges::max_element(mlps);
  if (largest == mlps.end() || *largest <= 0) return std::nullopt;
  return static_cast<int>(largest - mlps.begin());
}

const MlpWeights& ModelWeights::mlp(int layer) {
  if (!mlp_ || mlp_->layer() != layer) {
    mlp_.reset();  // before the next one is read: two layers are never in memory
    mlp_.emplace(file_, layer);
  }
  return *mlp_;
}

std::vector<float> ModelWeights::attention_gain(int block) const {
  const std::string prefix = "blk." + std::to_string(block) + ".attn_norm.";
  const std::string arch = file_.metadata().text("general.architecture").value_or("");
  if (!file_.metadata().number(arch + ".attention.layer_norm_rms_epsilon")) return {};
  if (file_.find(prefix + "bias") != nullptr || file_.find(prefix + "weight") == nullptr) return {};
  return tensor_floats(file_, prefix + "weight");
}

bool is_explained(const Run& run, std::span<const SinkKind> kinds) {
  return run.verdict == Verdict::kSink && run.kind != SinkKind::kUnaligned && run.kind != SinkKind::kPrimary &&
         std::ranges::find(kinds, run.kind) != kinds.end();
}

int peak_layer(const Matrix<float>& state_axis, int position, int l_start, int l_end) {
  int peak = l_start;
  for (int l = l_start; l <= l_end; ++l) {
    if (state_axis(index(l), index(position)) > state_axis(index(peak), index(position))) peak = l;
  }
  return peak;
}

SequenceHeights measure_heights(Model& model, const ScannedSequence& sequence, const HeightWishes& wishes,
                                const RunOptions& run) {
  const ModelFacts& facts = model.facts();
  if (const std::string lacking = writes_lacking(facts); !lacking.empty()) throw Error(ErrorCode::kModel, lacking);
  HeightOptions wanted;
  wanted.primary = sequence.detection.primary->position;
  for (const auto& norm : sequence.figures.ordinary_norm) {
    if (!norm || !(*norm > 0)) throw Error(ErrorCode::kInput, "formation: expected ordinary norms of all layers");
    wanted.ordinary_norm.push_back(*norm);
  }
  wanted.kept = wishes.kept;
  wanted.n_kept_layers = wishes.n_kept_layers;
  wanted.sampled = wishes.sampled;
  wanted.sampled_layers = wishes.sampled_layers;
  wanted.n_ubatch = model.n_ubatch();
  HeightMeter meter(facts, wishes.n_tokens, std::move(wanted));
  model.run({{{sequence.tokens.begin(), sequence.tokens.begin() + wishes.n_tokens}}}, meter, run);
  return meter.take();
}

SequenceExplanation explain_sequence(Model& model, ModelWeights& weights, const ScannedSequence& sequence,
                                     std::span<const SinkKind> kinds, int n_pretended, const ExplainOptions& options,
                                     const RunOptions& run) {
  const int primary = sequence.detection.primary->position;
  std::vector<Subject> subjects;
  std::vector<const Run*> runs;
  std::set<int> kept = {primary};
  int n_layers = 0;
  const auto keep = [&](const Subject& subject) {
    kept.insert(subject.position);
    kept.insert(subject.controls.positions.begin(), subject.controls.positions.end());
    n_layers = std::max(n_layers, subject.l_end + 1);
  };
  SequenceExplanation result;
  result.ordinal = sequence.ordinal;
  result.n_tokens = static_cast<int>(sequence.tokens.size());
  result.writes_lacking = writes_lacking(model.facts());
  if (!result.writes_lacking.empty()) {
    TextSight sight(model.facts(), result.n_tokens, model.n_ubatch());
    model.run({{{sequence.tokens.begin(), sequence.tokens.end()}}}, sight, run);
    result.sees_all = sight.sees_all();
    result.primary = primary_of(sequence);
    return result;
  }
  for (const Run& one : sequence.detection.runs) {
    if (one.verdict == Verdict::kSink && one.kind == SinkKind::kUnaligned) ++result.n_unaligned;
    if (!is_explained(one, kinds)) continue;
    subjects.push_back(subject_of(sequence, one.position, one.l_start, one.l_end, options));
    runs.push_back(&one);
    keep(subjects.back());
  }
  const std::vector<Subject> pretended = pretended_subjects(sequence, subjects, n_pretended, options);
  for (const Subject& subject : pretended) keep(subject);

  const HeightWishes wishes{{kept.begin(), kept.end()}, n_layers, {}, {}, result.n_tokens};
  const SequenceHeights heights = measure_heights(model, sequence, wishes, run);
  std::vector<float> norm;
  for (const auto& of_layer : sequence.figures.ordinary_norm) norm.push_back(*of_layer);
  result.primary = primary_of(sequence);
  result.primary.mlp_axis = column(heights.mlp, primary);
  result.primary.attention_axis = column(heights.attention, primary);
  result.ordinary = ordinary_of(heights, sequence, norm, options);
  result.sees_all = heights.sees_all;

  RandomStream random(options.seed, 0);
  std::vector<Matrix<float>> permuted_axes;
  for (int draw = 0; draw < options.n_permuted_axes && !subjects.empty(); ++draw) {
    permuted_axes.push_back(permuted(heights.axes, random));
  }
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const Subject& subject = subjects[i];
    const int t = subject.position;
    RunExplanation one;
    one.run = *runs[i];
    one.token = sequence.tokens[index(t)];
    one.l_peak = peak_layer(heights.state, t, subject.l_start, subject.l_end);
    one.controls = subject.controls;
    one.state_axis = column(heights.state, t);
    one.attention_axis = column(heights.attention, t);
    one.mlp_axis = column(heights.mlp, t);
    one.mlp_norm_ratio = column(heights.mlp_norm, t);
    for (std::size_t l = 0; l < one.mlp_axis.size(); ++l) {
      const auto length = static_cast<double>(one.mlp_norm_ratio[l]);
      one.mlp_cos.push_back(length > 0 ? std::optional(static_cast<double>(one.mlp_axis[l]) / length) : std::nullopt);
    }
    one.control_state_axis = mean_column(heights.state, subject.controls.positions);
    one.control_attention_axis = mean_column(heights.attention, subject.controls.positions);
    one.control_mlp_axis = mean_column(heights.mlp, subject.controls.positions);
    one.control_mlp = Matrix<float>(subject.controls.positions.size(), heights.mlp.rows());
    for (std::size_t c = 0; c < subject.controls.positions.size(); ++c) {
      std::ranges::copy(column(heights.mlp, subject.controls.positions[c]), one.control_mlp.row(c).begin());
    }
    if (const TokenProfile* profile = profile_of(sequence.figures, t)) {
      one.norm_ratio = profile->norm_ratio[index(subject.l_start)];
      one.peak_norm_ratio = profile->norm_ratio[index(one.l_peak)];
      one.read_alignment = profile->read_alignment[index(subject.l_start)];
      one.logit_gap = profile->logit_gap;
      one.far_boost = profile->far_boost;
      one.far_score = profile->far_score;
    }
    one.end = run_end(heights, one.run, one.l_peak, norm, options);
    if (!subject.controls.positions.empty()) {
      one.start = excess_at(heights, heights.axes.view(), static_cast<double>(norm[index(subject.l_start)]), t,
                            subject.controls.positions, subject.l_start, options);
      one.start->rank_p = rank_p(heights.state.row(index(subject.l_start)), subject.eligible, t);
      check_sum(*one.start, heights, t);
      const auto peak_norm = static_cast<double>(norm[index(one.l_peak)]);
      auto [peak, formed] = peak_of(heights, subject, one.l_peak, peak_norm, options);
      check_sum(peak, heights, t);
      one.peak = std::move(peak);
      one.formed = formed;
      one.start_read = read_excess(weights, heights, subject, options);
      add_permuted(result.null, heights, subject, one.l_peak, peak_norm, permuted_axes, options);
      try {
        add_neurons(one, weights, heights, primary, norm, options);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kModel) throw;
        result.neurons_lacking = error.what();
      }
    }
    result.runs.push_back(std::move(one));
  }
  for (const Subject& subject : pretended) {
    const int l_peak = peak_layer(heights.state, subject.position, subject.l_start, subject.l_end);
    const auto [peak, formed] = peak_of(heights, subject, l_peak, static_cast<double>(norm[index(l_peak)]), options);
    ++result.null.n_pretended;
    if (formed) ++result.null.pretended_formed;
    result.null.pretended_excess.push_back(static_cast<float>(peak.sum));
  }
  return result;
}

}  // namespace sinkscope
