#include "plant/trial/write_meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/vectors.h"
#include "sinks/direction.h"

namespace sinkscope {
namespace {

// Quantising after planting changes a row's length by less, and hardly two neurons agree in both.
constexpr double kLengthTolerance = 0.03;

bool is_planted(const PlantedNeuron& neuron, const PlantedSink& sink) {
  const auto agree = [](double length, double wanted) {
    return std::abs(length - wanted) <= kLengthTolerance * wanted;
  };
  return agree(length_of(neuron.gate), sink.gate_length) && agree(length_of(neuron.detector), sink.up_length);
}

}  // namespace

WriteMeter::WriteMeter(const std::string& planted, const PlantTruth& truth) {
  const GgufFile file(planted);
  std::map<int, MlpWeights> layers;
  for (const PlantedSink& sink : truth.sinks) {
    auto at = layers.find(sink.layer);
    if (at == layers.end()) at = layers.emplace(sink.layer, MlpWeights(file, sink.layer)).first;
    const MlpLayout& layout = at->second.layout();
    const bool there = sink.neuron < layout.d_ff;
    PlantedNeuron neuron = there ? planted_neuron(at->second, sink.neuron) : PlantedNeuron{};
    if (!there || !is_planted(neuron, sink)) {
      throw Error(ErrorCode::kInput,
                  fmt::format("truth: expected a planted neuron {} in layer {} of '{}'; got {}; give the truth file "
                              "that belongs to the model",
                              sink.neuron, sink.layer, planted,
                              there ? "another one" : fmt::format("{} neurons", layout.d_ff)));
    }
    neurons_.push_back({sink.layer, sink.norm, layout.activation, std::move(neuron)});
  }
}

void WriteMeter::begin(int n_tokens) {
  written_ = Matrix<float>(neurons_.size(), static_cast<std::size_t>(n_tokens), 0.0F);
}

bool WriteMeter::wants(ProbePoint point, int layer) {
  return point == ProbePoint::kMlpInput &&
         std::any_of(neurons_.begin(), neurons_.end(), [&](const Neuron& n) { return n.layer == layer; });
}

void WriteMeter::on_state(const StateEvent& event) {
  if (event.point != ProbePoint::kMlpInput) return;
  for (std::size_t s = 0; s < neurons_.size(); ++s) {
    const Neuron& neuron = neurons_[s];
    if (neuron.layer != event.layer) continue;
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      const double part = neuron.weights.relative_write(neuron.activation, event.states.row(row));
      written_(s, static_cast<std::size_t>(event.first_token) + row) = static_cast<float>(neuron.norm * std::abs(part));
    }
  }
}

double written_ratio(const Matrix<float>& written, std::size_t sink, int layer, int position,
                     const SequenceReading& reading) {
  const auto& ordinary = reading.figures.ordinary_norm[static_cast<std::size_t>(layer)];
  if (!ordinary || !(*ordinary > 0)) return 0;
  return static_cast<double>(written(sink, static_cast<std::size_t>(position))) / static_cast<double>(*ordinary);
}

}  // namespace sinkscope
