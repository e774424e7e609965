#include "scan/examine.h"

#include "base/error.h"
#include "measure/pack_meter.h"
#include "probe/tee_observer.h"

namespace sinkscope {
namespace {

Examined judge(const SequenceMeasurement& measurement, int prompt_tokens, const ExamineOptions& options) {
  Examined examined;
  examined.figures = reduce(measurement, prompt_tokens, options.floor);
  if (options.keep != Keep::kRuns) {
    examined.profiles = profile_arrays(measurement, examined.figures.candidate, options.keep == Keep::kHeads);
  }
  examined.detection = detect_by_evidence(examined.figures, options.thresholds);
  return examined;
}

}  // namespace

std::vector<Examined> examine(Model& model, const Pack& pack, const ExamineOptions& options, Observer* also) {
  const std::vector<int>& prompts = options.prompt_tokens;
  if (!prompts.empty() && prompts.size() != pack.sequences.size()) {
    throw Error(ErrorCode::kInternal, "examine: expected a prompt length for each sequence of the pack, or none");
  }
  MeterOptions measured;
  measured.min_distance = options.run.min_distance;
  measured.attention = options.attention;
  measured.n_kept_positions = positions_kept_for(options.floor);
  measured.n_threads = model.n_threads();
  PackMeter meter(model.facts(), pack, measured);
  if (also != nullptr) {
    TeeObserver both(meter, *also);
    model.run(pack, both, options.run);
  } else {
    model.run(pack, meter, options.run);
  }

  std::vector<SequenceMeasurement> measurements = meter.take();
  std::vector<Examined> results;
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    results.push_back(judge(measurements[i], prompts.empty() ? 0 : prompts[i], options));
    measurements[i] = {};  // what comes next needs the room
  }
  return results;
}

}  // namespace sinkscope
