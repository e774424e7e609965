#include "api/protection.h"

#include <cstddef>
#include <span>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/whole_file.h"
#include "report/data/detector_safetensors.h"
#include "report/data/duo_pattern.h"
#include "report/data/output_file.h"
#include "report/data/protect_json.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMostDetectorBytes = std::size_t{64} << 20;

ModelRecord record_of(const std::string& model, const std::string& sha256) {
  ModelRecord record;
  record.facts.name = model;
  record.sha256 = sha256;
  return record;
}

}  // namespace

void save_pattern(const std::string& folder, const HeadPattern& pattern) {
  write_duo_pattern(folder, record_of(pattern.model, pattern.model_sha256), pattern.reach);
}

void save_detector(const std::string& path, const ModelDetector& detector) {
  const ModelRecord model = record_of(detector.model, detector.model_sha256);
  write_output(path, [&](std::ostream& out) { write_detector_safetensors(model, detector.measured.trained, out); });
}

ModelDetector load_detector(const std::string& path) {
  const FileBytes file = read_whole_file(path, kMostDetectorBytes);
  if (!file.problem.empty()) throw Error(ErrorCode::kInput, "'" + path + "': expected a detector, got " + file.problem);
  ReadDetector read = read_detector_safetensors(std::as_bytes(std::span(file.bytes)), "'" + path + "'");
  return {std::move(read.model), std::move(read.model_sha256), {std::move(read.trained), {}}};
}

std::string detector_json(const ModelDetector& detector) {
  std::ostringstream out;
  write_detector_json(detector.measured, out);
  return std::move(out).str();
}

}  // namespace sinkscope
