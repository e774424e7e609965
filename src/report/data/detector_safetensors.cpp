#include "report/data/detector_safetensors.h"

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "report/data/safetensors_header.h"

namespace sinkscope {

void write_detector_safetensors(const ModelRecord& model, const TrainedDetector& trained, std::ostream& out) {
  const SinkDetector& detector = trained.detector;
  std::vector<std::pair<std::string, std::string>> metadata = {{"schema", "sinkscope.detector/1"},
                                                               {"model", model.facts.name},
                                                               {"model_sha256", model.sha256},
                                                               {"judged", trained.reason}};
  if (trained.recall) metadata.emplace_back("recall", fmt::format("{:.6f}", *trained.recall));
  if (trained.precision) metadata.emplace_back("precision", fmt::format("{:.6f}", *trained.precision));
  const std::size_t d_model = detector.axis.size();
  write_safetensors_header(metadata,
                           {{"axis", "F32", {d_model}, 4 * d_model},
                            {"ordinary_norm", "F32", {1}, 4},
                            {"min_norm_ratio", "F32", {1}, 4},
                            {"min_cosine", "F32", {1}, 4},
                            {"layer", "I32", {1}, 4}},
                           out);
  write_little_endian(detector.axis, out);
  write_little_endian(std::vector<float>{static_cast<float>(detector.ordinary_norm),
                                         static_cast<float>(detector.min_norm_ratio),
                                         static_cast<float>(detector.min_cosine)},
                      out);
  write_little_endian(std::vector<std::int32_t>{detector.layer}, out);
  if (!out.flush()) throw Error(ErrorCode::kOutput, "detector: writing failed; check the free space");
}

}  // namespace sinkscope
