#include "plant/readings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "scan/examine.h"

namespace sinkscope {
namespace {

Matrix<float> profile_of(const Examined& examined, const std::string& name) {
  const auto found = std::ranges::find(examined.profiles, name, &ProfileArray::name);
  if (found == examined.profiles.end()) throw Error(ErrorCode::kInternal, "a profile lacks: " + name);
  Matrix<float> profile(found->shape.at(0), found->shape.at(1));
  std::ranges::copy(found->values, profile.data());
  return profile;
}

// Each row over the median norm of the layer's ordinary tokens.
void divide_by_ordinary(Matrix<float>& norms, const SequenceFigures& figures) {
  for (std::size_t layer = 0; layer < norms.rows(); ++layer) {
    const auto& ordinary = figures.ordinary_norm[layer];
    for (float& norm : norms.row(layer)) norm = ordinary ? norm / *ordinary : std::numeric_limits<float>::quiet_NaN();
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
  ExamineOptions options;
  options.run.should_stop = should_stop;
  options.floor = floor;
  options.thresholds = thresholds;
  options.keep = Keep::kProfiles;
  Examined examined = std::move(examine(model, pack, options, &also).front());
  SequenceReading reading;
  reading.far_boost = profile_of(examined, "far_boost");
  reading.norm_ratio = profile_of(examined, "hidden_norm");
  divide_by_ordinary(reading.norm_ratio, examined.figures);
  reading.figures = std::move(examined.figures);
  reading.detection = std::move(examined.detection);
  return reading;
}

}  // namespace sinkscope
