#include "plant/planter.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/sha256.h"
#include "base/statistics.h"
#include "base/vectors.h"
#include "gguf/writer.h"
#include "plant/calibration.h"
#include "plant/neuron.h"
#include "plant/readings.h"

namespace sinkscope {
namespace {

// Controls weigh as much as this part of all other rows of the regression.
constexpr double kControlWeight = 0.1;

struct Plan {
  SinkRequest request;
  SinkPlaces places;
  PlantedSink truth;
};

[[noreturn]] void refuse(const Plan& plan, ErrorCode code, const std::string& what) {
  throw Error(code, fmt::format("planting token {} in layer {}: {}", plan.request.token, plan.request.layer, what));
}

std::vector<Plan> plans_of(const Sequences& calibration, const PlantOptions& options) {
  std::vector<Plan> plans;
  std::set<std::pair<int, TokenId>> seen;
  for (const SinkRequest& request : options.sinks) {
    Plan plan{request, {request.token, {}}, {}};
    if (!seen.emplace(request.layer, request.token).second) {
      refuse(plan, ErrorCode::kUsage, "expected it once; it is asked for twice; drop one");
    }
    if (options.in_context) {
      const ContextChoice choice = choose_context(calibration, request.token);
      plan.places.after = plan.truth.after = choice.after;
      plan.truth.not_after = choice.not_after;
    }
    plan.truth.layer = request.layer;
    plan.truth.token = request.token;
    plan.truth.norm = request.norm;
    plan.truth.direction = request.direction.name;
    plan.truth.count = count_places(calibration, plan.places);
    if (plan.truth.count < options.min_places) {
      refuse(
          plan, ErrorCode::kInput,
          fmt::format("expected at least {} places in the calibration text from position {} on; got {}; use a longer "
                      "text or another token",
                      options.min_places, kPrimaryCandidates, plan.truth.count));
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

std::vector<LayerNeeds> needs_of(const std::vector<Plan>& plans) {
  std::map<int, LayerNeeds> needs;
  for (const Plan& plan : plans) {
    LayerNeeds& need = needs[plan.request.layer];
    need.layer = plan.request.layer;
    need.sinks.push_back(plan.places);
    if (plan.request.direction.kind == DirectionKind::kToken) need.directions.push_back(plan.request.direction.token);
  }
  std::vector<LayerNeeds> result;
  for (auto& [layer, need] : needs) result.push_back(std::move(need));
  return result;
}

// The primary that most sequences agree on.
struct PrimaryFacts {
  int position = 0;
  int birth_layer = 0;
};

PrimaryFacts primary_of(const std::vector<SequenceReading>& readings) {
  std::map<std::pair<int, int>, int> votes;
  std::string reason = "the calibration text is empty";
  for (const SequenceReading& reading : readings) {
    const auto& primary = reading.detection.primary;
    if (primary) {
      ++votes[{primary->position, primary->birth_layer}];
    } else {
      reason = reading.detection.no_primary_reason;
    }
  }
  if (votes.empty()) {
    throw Error(ErrorCode::kModel, fmt::format("planting: expected a primary sink, whose direction the planted ones "
                                               "get; got none: {}; use another model or a longer calibration text",
                                               reason));
  }
  const auto most =
      std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return {most->first.first, most->first.second};
}

void check(const std::vector<Plan>& plans, const PrimaryFacts& primary, const Sequences& calibration,
           const std::vector<SequenceReading>& readings) {
  for (const Plan& plan : plans) {
    if (plan.request.layer < primary.birth_layer) {
      refuse(
          plan, ErrorCode::kInput,
          fmt::format("expected a layer from the primary's birth on, which is {}; before it there is no sink axis to "
                      "write along; choose a later layer",
                      primary.birth_layer));
    }
    for (std::size_t s = 0; s < readings.size(); ++s) {
      for (const Run& run : readings[s].detection.runs) {
        const bool there = run.l_start <= plan.request.layer && plan.request.layer <= run.l_end;
        if (run.verdict == Verdict::kSink && there && plan.places.wanted(calibration[s], run.position)) {
          refuse(
              plan, ErrorCode::kInput,
              fmt::format("expected a token that is no sink there; in sequence {} it is one at position {}, layers {} "
                          "to {}; choose another token or layer",
                          s, run.position, run.l_start, run.l_end));
        }
      }
    }
  }
}

// Fits and writes the neurons of one layer; fills in what the truth says of them.
std::vector<NewGgufTensor> plant_layer(const GgufFile& file, const MlpLayout& layout, std::vector<Plan*> plans,
                                       const LayerStatistics& statistics, int primary_position,
                                       const PlantOptions& options, std::map<const Plan*, PlantedNeuron>& neurons) {
  MlpWeights weights(file, layout.layer);
  const std::vector<int> usage = weights.by_usage(statistics.sample.view());
  const std::vector<float> axis = statistics.first[static_cast<std::size_t>(primary_position)].mean_floats();
  const std::vector<float> ordinary = statistics.ordinary.mean_floats();
  const std::vector<double> inputs = statistics.inputs.mean();
  const std::vector<float> constant = statistics.equations.detector(inputs, {}, 0, options.ridge);
  std::vector<std::pair<int, PlantedNeuron>> planted;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    Plan& plan = *plans[i];
    const SinkStatistics& seen = statistics.sinks[i];
    std::vector<float> token;
    if (const auto at = statistics.tokens.find(plan.request.direction.token); at != statistics.tokens.end()) {
      token = at->second.mean_floats();
    }
    const auto u = unit_direction(plan.request.direction, {axis, ordinary, token}, options.seed);
    PlantedNeuron neuron;
    neuron.detector = statistics.equations.detector(seen.target.mean(), seen.controls.view(),
                                                    kControlWeight * static_cast<double>(statistics.equations.n_rows()),
                                                    options.ridge);
    neuron.gate = gate_of(neuron.detector, constant);
    const WritePlan write =
        plan_write(u, plan.request.norm, weights.post_gain(),
                   weights.post_gain().empty() ? 0 : weights.mean_square_write(seen.targets.view()));
    neuron.write = write.write;
    neuron.amplitude = write.amplitude;
    plan.truth.neuron = usage[i];
    plan.truth.gate_length = length_of(neuron.gate);
    plan.truth.up_length = length_of(neuron.detector);
    plan.truth.reachable = write.reachable;
    planted.emplace_back(usage[i], neuron);
    neurons[&plan] = std::move(neuron);
  }
  for (const auto& [index, neuron] : planted) put_neuron(weights, index, neuron);
  return std::move(weights).tensors(options.half);
}

// What the planted model shows of one sink, over the calibration text.
class Witness : public Observer {
 public:
  struct Watched {
    const SinkPlaces* places;
    int layer;
    Activation activation;
    const PlantedNeuron* neuron;
    std::vector<double> target, norm, others;  // w . x at places; norm of h_l there; relative write elsewhere
  };

  void watch(const SinkPlaces& places, int layer, Activation activation, const PlantedNeuron& neuron) {
    watched_.push_back({&places, layer, activation, &neuron, {}, {}, {}});
  }
  void begin(std::span<const TokenId> sequence) { sequence_ = sequence; }
  const Watched& operator[](std::size_t i) const { return watched_[i]; }

  bool wants(ProbePoint point, int layer) override {
    return (point == ProbePoint::kMlpInput || point == ProbePoint::kBlockOutput) &&
           std::any_of(watched_.begin(), watched_.end(), [&](const Watched& w) { return w.layer == layer; });
  }
  void on_state(const StateEvent& event) override {
    for (Watched& watched : watched_) {
      if (watched.layer != event.layer) continue;
      for (std::size_t row = 0; row < event.states.rows(); ++row) {
        const bool place = watched.places->wanted(sequence_, event.first_token + static_cast<int>(row));
        const auto state = event.states.row(row);
        if (event.point == ProbePoint::kMlpInput && place) {
          watched.target.push_back(dot(state, watched.neuron->detector));
        } else if (event.point == ProbePoint::kMlpInput) {
          watched.others.push_back(std::abs(watched.neuron->relative_write(watched.activation, state)));
        } else if (place) {
          watched.norm.push_back(length_of(state));
        }
      }
    }
  }

 private:
  std::vector<Watched> watched_;
  std::span<const TokenId> sequence_;
};

void fill_in(Plan& plan, const Witness::Watched& seen, const Sequences& calibration,
             const std::vector<SequenceReading>& readings, const std::string& token_text) {
  plan.truth.token_text = token_text;
  plan.truth.detector = spread_of(seen.target);
  plan.truth.norm_measured = spread_of(seen.norm);
  std::vector<double> added;
  // With a post-norm a small write is about as much of the norm as the neuron's part of a full one.
  for (const double part : seen.others) added.push_back(plan.request.norm * part);
  plan.truth.others_added = spread_of(added);
  plan.truth.others_added_max = added.empty() ? 0 : *std::max_element(added.begin(), added.end());

  std::vector<double> lifetimes, attention_lifetimes, ordinary;
  for (std::size_t s = 0; s < readings.size(); ++s) {
    const auto& norm = readings[s].figures.ordinary_norm[static_cast<std::size_t>(plan.request.layer)];
    if (norm) ordinary.push_back(static_cast<double>(*norm));
    for (int p = 0; p < static_cast<int>(calibration[s].size()); ++p) {
      if (!plan.places.wanted(calibration[s], p) || !readings[s].measurable(p)) continue;
      ++plan.truth.scored;
      const Run* run = readings[s].sink_at(p, plan.request.layer);
      if (run == nullptr) continue;
      ++plan.truth.found;
      lifetimes.push_back(run->lifetime);
      if (run->attention_lifetime) attention_lifetimes.push_back(*run->attention_lifetime);
    }
  }
  if (const auto norm = quantile_of(std::move(ordinary), 0.5)) plan.truth.norm_ratio = plan.request.norm / *norm;
  plan.truth.lifetime = quantile_of(std::move(lifetimes), 0.5);
  plan.truth.attention_lifetime = quantile_of(std::move(attention_lifetimes), 0.5);
}

}  // namespace

PlantTruth plant_sinks(const std::string& source, const std::string& target, const ModelLoader& load,
                       const Sequences& calibration, const PlantOptions& options) {
  const GgufFile file(source);
  PlantTruth truth;
  truth.source_sha256 = sha256_of_file(source);
  truth.seed = options.seed;
  truth.n_sequences = static_cast<int>(calibration.size());
  for (const auto& sequence : calibration) truth.n_tokens += static_cast<int>(sequence.size());
  std::vector<Plan> plans = plans_of(calibration, options);
  std::map<int, MlpLayout> layouts;
  for (const Plan& plan : plans) layouts.emplace(plan.request.layer, mlp_layout(file, plan.request.layer));

  const std::vector<LayerNeeds> needs = needs_of(plans);
  std::map<const Plan*, PlantedNeuron> neurons;
  std::vector<NewGgufTensor> replaced;
  {
    const std::unique_ptr<Model> model = load(source);
    truth.arch = model->facts().arch;
    truth.n_layers = model->facts().n_layers;
    truth.d_model = model->facts().d_model;
    if (!plans.empty()) {
      Calibration statistics(needs, truth.d_model, truth.n_tokens);
      std::vector<SequenceReading> readings;
      for (const auto& sequence : calibration) {
        statistics.begin(sequence);
        readings.push_back(read_sequence(*model, sequence, statistics, options.thresholds, options.should_stop));
      }
      const PrimaryFacts primary = primary_of(readings);
      truth.primary_position = primary.position;
      truth.birth_layer = primary.birth_layer;
      check(plans, primary, calibration, readings);
      for (const auto& [layer, layout] : layouts) {
        std::vector<Plan*> here;
        for (Plan& plan : plans) {
          if (plan.request.layer == layer) here.push_back(&plan);
        }
        auto tensors = plant_layer(file, layout, here, statistics.layer(layer), primary.position, options, neurons);
        std::move(tensors.begin(), tensors.end(), std::back_inserter(replaced));
      }
    }
  }
  write_gguf_copy(file, replaced, target);
  if (plans.empty()) return truth;
  replaced.clear();

  Witness witness;
  for (const Plan& plan : plans) {
    witness.watch(plan.places, plan.request.layer, layouts.at(plan.request.layer).activation, neurons.at(&plan));
  }
  const std::unique_ptr<Model> planted = load(target);
  std::vector<SequenceReading> readings;
  for (const auto& sequence : calibration) {
    witness.begin(sequence);
    readings.push_back(read_sequence(*planted, sequence, witness, options.thresholds, options.should_stop));
  }
  for (std::size_t i = 0; i < plans.size(); ++i) {
    fill_in(plans[i], witness[i], calibration, readings, planted->vocabulary().token_bytes(plans[i].request.token));
    truth.sinks.push_back(std::move(plans[i].truth));
  }
  return truth;
}

}  // namespace sinkscope
