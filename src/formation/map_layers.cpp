#include "formation/map_layers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <ranges>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "base/statistics/random.h"
#include "base/vectors.h"
#include "formation/edit_order.h"
#include "formation/mlp_map.h"

namespace sinkscope {
namespace {

// Sinks of a kind that are mapped, of one sequence.
struct ChosenSink {
  const RunExplanation* run;
  bool decides;  // it is one of the sets of the decision
};

// Chosen sinks and ordinary tokens, by sequence of the explanation.
struct Plan {
  std::map<std::size_t, std::map<SinkKind, std::vector<ChosenSink>>> sinks;
  std::map<std::size_t, std::vector<int>> ordinary;  // sampled positions, ascending
};

void choose_sinks(Plan& plan, std::span<const SequenceExplanation> sequences, SinkKind kind,
                  const ExplainOptions& options) {
  std::vector<std::vector<const RunExplanation*>> runs;
  std::vector<std::size_t> counts;
  for (const SequenceExplanation& sequence : sequences) {
    runs.emplace_back();
    for (const RunExplanation& run : sequence.runs) {
      if (run.run.kind == kind && !run.controls.positions.empty()) runs.back().push_back(&run);
    }
    counts.push_back(runs.back().size());
  }
  const int most = options.max_vectors / 2;
  int sets = 0;
  const auto order = edit_order(counts, most);
  for (const auto& [sequence, sink] : order | std::views::take(most)) {
    const RunExplanation* run = runs[sequence][sink];
    const bool decides = run->controls.same_token && sets < options.n_decision_sets;
    plan.sinks[sequence][kind].push_back({run, decides});
    sets += decides ? 1 : 0;
  }
}

// Tokens of a text that are run for its map.
int tokens_needed(const Plan& plan, std::size_t sequence, int n_tokens, const ExplainOptions& options) {
  int last = 0;
  for (const auto& [kind, sinks] : plan.sinks.at(sequence)) {
    for (const ChosenSink& sink : sinks) {
      last = std::max({last, sink.run->run.position, sink.run->controls.positions.back()});
    }
  }
  return std::min(n_tokens, std::max(last + 1, options.min_tokens));
}

// max_vectors ordinary tokens of all texts, each as likely as any other.
void choose_ordinary(Plan& plan, std::span<const SequenceExplanation> sequences, const LoadSequence& load,
                     const ExplainOptions& options) {
  std::vector<std::pair<std::size_t, int>> reservoir;
  RandomStream random(options.seed, 3);
  std::size_t seen = 0;
  for (const auto& [sequence, sinks] : plan.sinks) {
    const SequenceToExplain loaded = load(sequences[sequence].ordinal);
    const int n_tokens = tokens_needed(plan, sequence, static_cast<int>(loaded.tokens.size()), options);
    for (const int position : tokens_in_no_run(n_tokens, loaded.detection, options)) {
      ++seen;
      if (reservoir.size() < index(options.max_vectors)) {
        reservoir.emplace_back(sequence, position);
      } else if (const std::size_t place = random.below(seen); place < reservoir.size()) {
        reservoir[place] = {sequence, position};
      }
    }
  }
  std::ranges::sort(reservoir);
  for (const auto& [sequence, position] : reservoir) plan.ordinary[sequence].push_back(position);
}

// Rows that are gathered one by one.
class Rows {
 public:
  void add(std::span<const float> row) {
    values_.insert(values_.end(), row.begin(), row.end());
    ++n_;
  }
  bool empty() const { return n_ == 0; }
  Matrix<float> take() {
    Matrix<float> matrix(n_, n_ == 0 ? 0 : values_.size() / n_);
    std::ranges::copy(values_, matrix.data());
    values_ = {};
    return matrix;
  }

 private:
  std::vector<float> values_;
  std::size_t n_ = 0;
};

// h_l of a kept token: all that was written into it.
std::vector<float> state_of(const KeptStates& states, int layer) {
  std::vector<float> state = states.embedding;
  for (int l = 0; l <= layer; ++l) {
    for (const Matrix<float>* writes : {&states.attention, &states.mlp}) {
      const auto write = writes->row(index(l));
      for (std::size_t c = 0; c < state.size(); ++c) state[c] += write[c];
    }
  }
  return state;
}

template <typename VectorOf>
DecisionSet set_of(int sequence, std::span<const int> members, const VectorOf& vector_of) {
  Rows rows;
  for (const int position : members) rows.add(vector_of(position));
  return {sequence, rows.take()};
}

// What is gathered for one layer and kind.
class Gathered {
 public:
  Gathered(SinkKind kind, int layer) {
    vectors_.kind = kind;
    vectors_.layer = layer;
  }
  SinkKind kind() const { return vectors_.kind; }
  int layer() const { return vectors_.layer; }

  void add(const SequenceHeights& heights, const ScannedSequence& sequence, const std::vector<ChosenSink>& sinks,
           std::span<const int> ordinary_tokens) {
    const std::size_t layer = index(vectors_.layer);
    const auto number = static_cast<int>(sequence.ordinal);
    const auto kept = [&](int position) -> const KeptStates& { return heights.kept.at(position); };
    for (const ChosenSink& sink : sinks) {
      const int t = sink.run->run.position;
      sinks_.add(kept(t).mlp_input.row(layer));
      controls_.add(kept(nearest_control(*sink.run)).mlp_input.row(layer));
      vectors_.sequences.push_back(number);
      vectors_.sink_heights.push_back(heights.mlp(layer, index(t)));
      if (!sink.decides) continue;
      std::vector<int> members = {t};
      members.insert(members.end(), sink.run->controls.positions.begin(), sink.run->controls.positions.end());
      vectors_.state.push_back(set_of(number, members, [&](int at) { return state_of(kept(at), vectors_.layer); }));
      vectors_.attention_write.push_back(
          set_of(number, members, [&](int at) { return kept(at).attention.row(layer); }));
      vectors_.mlp_input.push_back(set_of(number, members, [&](int at) { return kept(at).mlp_input.row(layer); }));
      vectors_.mlp_write.push_back(set_of(number, members, [&](int at) { return kept(at).mlp.row(layer); }));
    }
    for (const int position : ordinary_tokens) {
      const float height = heights.mlp(layer, index(position)), norm = heights.mlp_norm(layer, index(position));
      vectors_.ordinary_heights.push_back(height);
      vectors_.ordinary_cos.push_back(norm > 0 ? height / norm : 0);
    }
    const auto sampled = heights.sampled.find(vectors_.layer);
    if (sampled != heights.sampled.end()) {
      for (std::size_t i = 0; i < sampled->second.rows(); ++i) ordinary_.add(sampled->second.row(i));
    }
    add_to(axis_, heights.axes.row(layer));
    add_to(primary_write_, kept(sequence.detection.primary->position).mlp.row(layer));
    norm_ += static_cast<double>(*sequence.figures.ordinary_norm[layer]);
    ++n_sequences_;
  }

  bool can_be_mapped() const { return n_sequences_ > 0 && !sinks_.empty() && !ordinary_.empty(); }

  MapVectors take() {
    vectors_.sinks = sinks_.take();
    vectors_.controls = controls_.take();
    vectors_.ordinary = ordinary_.take();
    for (const double x : axis_) vectors_.axis.push_back(static_cast<float>(x / n_sequences_));
    for (const double x : primary_write_) vectors_.primary_write.push_back(static_cast<float>(x / n_sequences_));
    vectors_.norm = norm_ / n_sequences_;
    return std::move(vectors_);
  }

 private:
  static int nearest_control(const RunExplanation& run) {
    return *std::ranges::min_element(run.controls.positions, {},
                                     [&](int position) { return std::abs(position - run.run.position); });
  }
  static void add_to(std::vector<double>& sum, std::span<const float> row) {
    sum.resize(row.size());
    for (std::size_t c = 0; c < row.size(); ++c) sum[c] += static_cast<double>(row[c]);
  }

  MapVectors vectors_;
  Rows sinks_, controls_, ordinary_;
  std::vector<double> axis_, primary_write_;  // sums over sequences
  double norm_ = 0;
  int n_sequences_ = 0;
};

void gather(Model& model, const ScannedSequence& sequence, const Plan& plan, std::size_t number,
            std::vector<Gathered>& gathered, const ExplainRequest& request) {
  const auto& sinks = plan.sinks.at(number);
  std::set<int> kept = {sequence.detection.primary->position};
  for (const auto& [kind, chosen] : sinks) {
    for (const ChosenSink& sink : chosen) {
      kept.insert(sink.run->run.position);
      kept.insert(sink.run->controls.positions.begin(), sink.run->controls.positions.end());
    }
  }
  HeightWishes wishes;
  std::set<int> layers;
  for (const Gathered& one : gathered) layers.insert(one.layer());
  wishes.kept.assign(kept.begin(), kept.end());
  wishes.n_kept_layers = *layers.rbegin() + 1;
  wishes.sampled_layers.assign(layers.begin(), layers.end());
  if (const auto ordinary = plan.ordinary.find(number); ordinary != plan.ordinary.end()) {
    wishes.sampled = ordinary->second;
  }
  wishes.n_tokens = tokens_needed(plan, number, static_cast<int>(sequence.tokens.size()), request.options);
  const SequenceHeights heights = measure_heights(model, sequence, wishes, request.run);
  const std::vector<int> ordinary_tokens = tokens_in_no_run(wishes.n_tokens, sequence.detection, request.options);
  for (Gathered& one : gathered) {
    if (const auto chosen = sinks.find(one.kind()); chosen != sinks.end()) {
      one.add(heights, sequence, chosen->second, ordinary_tokens);
    }
  }
}

}  // namespace

std::vector<int> mapped_layers(std::span<const SequenceExplanation> sequences, SinkKind kind,
                               std::span<const int> wanted, const ExplainOptions& options) {
  if (!wanted.empty()) {
    const std::set<int> layers(wanted.begin(), wanted.end());
    return {layers.begin(), layers.end()};
  }
  std::map<int, int> counts;
  for (const SequenceExplanation& sequence : sequences) {
    for (const RunExplanation& run : sequence.runs) {
      if (run.run.kind != kind || !run.start) continue;
      if (const auto layer = main_mlp(*run.start)) ++counts[*layer];
    }
  }
  if (counts.empty()) return {};
  const int commonest = std::ranges::max_element(counts, {}, [](const auto& count) { return count.second; })->first;
  std::vector<int> layers;
  for (int l = std::max(0, commonest - options.n_mapped_before); l <= commonest; ++l) layers.push_back(l);
  return layers;
}

std::vector<LayerMap> measure_maps(Model& model, std::span<const SequenceExplanation> sequences,
                                   const LoadSequence& load, const ExplainRequest& request) {
  Plan plan;
  std::vector<Gathered> gathered;
  for (const SinkKind kind : request.kinds) {
    for (const int layer : mapped_layers(sequences, kind, request.layers, request.options)) {
      if (layer < model.facts().n_layers) gathered.emplace_back(kind, layer);
    }
    choose_sinks(plan, sequences, kind, request.options);
  }
  if (plan.sinks.empty() || gathered.empty()) return {};
  choose_ordinary(plan, sequences, load, request.options);
  std::int64_t done = 0;
  for (const auto& [number, sinks] : plan.sinks) {
    request.tell(done++, static_cast<std::int64_t>(plan.sinks.size()), "inputs of MLPs");
    const SequenceToExplain loaded = load(sequences[number].ordinal);
    gather(model, view_of(loaded), plan, number, gathered, request);
  }
  std::vector<LayerMap> maps;
  for (Gathered& one : gathered) {
    request.tell(static_cast<std::int64_t>(maps.size()), static_cast<std::int64_t>(gathered.size()), "maps");
    if (!one.can_be_mapped()) continue;
    const int layer = one.layer();
    const auto mlp = [&](MatrixView<const float> inputs) { return run_mlp(model, layer, inputs, request.run); };
    try {
      maps.push_back(map_of(one.take(), mlp, request.options));
    } catch (const Error& error) {
      // Of the layers before the commonest one some may have no MLP.
      if (error.code() != ErrorCode::kModel || !request.layers.empty()) throw;
    }
  }
  return maps;
}

}  // namespace sinkscope
