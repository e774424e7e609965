#include "plant/readings.h"

#include <cmath>
#include <limits>

#include "measure/pack_meter.h"
#include "plant/tee_observer.h"

namespace sinkscope {
namespace {

constexpr float kNotMeasured = std::numeric_limits<float>::quiet_NaN();

void fill_attention(const SequenceMeasurement& measurement, SequenceReading& reading) {
  const auto n_layers = static_cast<std::size_t>(measurement.n_layers);
  const auto n_tokens = static_cast<std::size_t>(measurement.n_tokens);
  reading.far_boost = Matrix<float>(n_layers, n_tokens, kNotMeasured);
  reading.score = Matrix<float>(n_layers, n_tokens, kNotMeasured);
  reading.norm_ratio = Matrix<float>(n_layers, n_tokens, kNotMeasured);
  for (std::size_t layer = 0; layer < n_layers; ++layer) {
    const auto& ordinary = reading.figures.ordinary_norm[layer];
    const auto heads = static_cast<std::size_t>(measurement.heads_in_layer[layer]);
    for (std::size_t token = 0; token < n_tokens; ++token) {
      if (ordinary) reading.norm_ratio(layer, token) = measurement.hidden_norm(layer, token) / *ordinary;
      if (measurement.has_attention[layer] == 0 || heads == 0) continue;
      double sum = 0, far_sum = 0;
      for (std::size_t head = 0; head < heads; ++head) {
        sum += static_cast<double>(measurement.attention_sum(layer, head, token));
        far_sum += static_cast<double>(measurement.attention_far_sum(layer, head, token));
      }
      const int visible = measurement.visible_queries(layer, token);
      if (visible > 0) reading.score(layer, token) = static_cast<float>(sum / static_cast<double>(heads) / visible);
      if (measurement.far_queries(layer, token) >= kMinFarQueries) {
        reading.far_boost(layer, token) =
            static_cast<float>(far_sum / static_cast<double>(heads) / measurement.far_uniform(layer, token));
      }
    }
  }
}

}  // namespace

bool SequenceReading::measurable(int position) const {
  for (std::size_t layer = 0; layer < far_boost.rows(); ++layer) {
    if (!std::isnan(far_boost(layer, static_cast<std::size_t>(position)))) return true;
  }
  return false;
}

const Run* SequenceReading::sink_at(int position, int layer) const {
  const Run* found = nullptr;
  for (const Run& run : detection.runs) {
    if (run.position != position || run.verdict != Verdict::kSink) continue;
    if (run.l_start == layer) return &run;
    if (run.l_start <= layer && layer <= run.l_end) found = &run;
  }
  return found;
}

SequenceReading read_sequence(Model& model, std::span<const TokenId> sequence, Observer& also,
                              const Thresholds& thresholds, const std::function<bool()>& should_stop,
                              const CandidateFloor& floor) {
  const Pack pack{{std::vector<TokenId>(sequence.begin(), sequence.end())}};
  RunOptions run;
  run.should_stop = should_stop;
  MeterOptions meter_options;
  meter_options.min_distance = run.min_distance;
  meter_options.n_threads = model.n_threads();
  PackMeter meter(model.facts(), pack, meter_options);
  TeeObserver both(meter, also);
  model.run(pack, both, run);
  const SequenceMeasurement measurement = std::move(meter.take().front());
  SequenceReading reading;
  reading.figures = reduce(measurement, 0, floor);
  reading.detection = detect_by_evidence(reading.figures, thresholds);
  fill_attention(measurement, reading);
  return reading;
}

}  // namespace sinkscope
