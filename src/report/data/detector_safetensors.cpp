#include "report/data/detector_safetensors.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "report/data/safetensors_header.h"

namespace sinkscope {
namespace {

constexpr const char* kDetectorSchema = "sinkscope.detector/1";
constexpr std::size_t kMostHeaderBytes = std::size_t{1} << 20;

// Reads the arrays that a header lists, and texts of its metadata.
class DetectorBytes {
 public:
  DetectorBytes(std::span<const std::byte> bytes, const std::string& what) : what_(what) {
    if (bytes.size() < 8) fail("it is cut off");
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 8; ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    if (length > bytes.size() - 8) fail("its header is longer than the file");
    if (length > kMostHeaderBytes) fail("its header is longer than that of a detector");
    const auto header = bytes.subspan(8, static_cast<std::size_t>(length));
    arrays_ = bytes.subspan(8 + header.size());
    const auto* text = reinterpret_cast<const char*>(header.data());
    header_ = nlohmann::json::parse(text, text + header.size(), nullptr, false);
    if (text_of("schema") != kDetectorSchema) fail("its metadata name no such schema");
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorCode::kInput, fmt::format("{}: expected a file of schema {}, as `protect --detector` writes it; {}", what_,
                                               kDetectorSchema, problem));
  }

  // Of the metadata; nothing if there is no such text.
  std::optional<std::string> text_of(const char* name) const {
    if (!header_.is_object()) return std::nullopt;
    const auto metadata = header_.find("__metadata__");
    if (metadata == header_.end() || !metadata->is_object()) return std::nullopt;
    const auto text = metadata->find(name);
    return text == metadata->end() || !text->is_string() ? std::nullopt : std::optional(text->get<std::string>());
  }
  template <typename Number>
  std::optional<Number> number_of(const char* name) const {
    const auto text = text_of(name);
    if (!text) return std::nullopt;
    Number number{};
    const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (problem != std::errc() || end != text->data() + text->size() || number < 0 || !std::isfinite(static_cast<double>(number))) {
      fail(fmt::format("its {} is no number", name));
    }
    return number;
  }

  // The four-byte numbers of an array of one axis.
  std::vector<std::uint32_t> words_of(const char* name, const char* dtype) const {
    try {
      const nlohmann::json& entry = header_.at(name);
      const auto shape = entry.at("shape").get<std::vector<std::uint64_t>>();
      const auto offsets = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
      if (entry.at("dtype").get<std::string>() == dtype && shape.size() == 1 && offsets.size() == 2 && shape[0] > 0 &&
          offsets[0] <= offsets[1] && offsets[1] <= arrays_.size() && shape[0] <= arrays_.size() / 4 &&
          offsets[1] - offsets[0] == 4 * shape[0]) {
        std::vector<std::uint32_t> words(static_cast<std::size_t>(shape[0]));
        for (std::size_t i = 0; i < 4 * words.size(); ++i) {
          words[i / 4] |= std::to_integer<std::uint32_t>(arrays_[static_cast<std::size_t>(offsets[0]) + i]) << (8 * (i % 4));
        }
        return words;
      }
    } catch (const nlohmann::json::exception&) {
    }
    fail(fmt::format("its array {} is not there, or not {} of one axis", name, dtype));
  }
  std::vector<float> floats_of(const char* name) const {
    std::vector<float> numbers;
    for (const std::uint32_t word : words_of(name, "F32")) {
      if (!std::isfinite(numbers.emplace_back(std::bit_cast<float>(word)))) fail(fmt::format("its array {} has what is no number", name));
    }
    return numbers;
  }
  template <typename T>
  T only(const char* name, const std::vector<T>& numbers) const {
    if (numbers.size() != 1) fail(fmt::format("its array {} has {} numbers", name, numbers.size()));
    return numbers.front();
  }

 private:
  const std::string& what_;
  nlohmann::json header_;
  std::span<const std::byte> arrays_;
};

}  // namespace

void write_detector_safetensors(const ModelRecord& model, const TrainedDetector& trained, std::ostream& out) {
  const SinkDetector& detector = trained.detector;
  std::vector<std::pair<std::string, std::string>> metadata = {{"schema", kDetectorSchema},
                                                               {"model", model.facts.name},
                                                               {"model_sha256", model.sha256},
                                                               {"documents", std::to_string(trained.n_documents)},
                                                               {"judged", trained.reason}};
  if (trained.recall) metadata.emplace_back("recall", fmt::format("{:.6f}", *trained.recall));
  if (trained.precision) metadata.emplace_back("precision", fmt::format("{:.6f}", *trained.precision));
  if (trained.n_sinks) metadata.emplace_back("sinks", std::to_string(*trained.n_sinks));
  if (trained.n_found) metadata.emplace_back("found", std::to_string(*trained.n_found));
  if (trained.n_false) metadata.emplace_back("false", std::to_string(*trained.n_false));
  const std::size_t d_model = detector.axis.size();
  write_safetensors_header(metadata,
                           {{"axis", "F32", {d_model}, 4 * d_model},
                            {"ordinary_norm", "F32", {1}, 4},
                            {"min_norm_ratio", "F32", {1}, 4},
                            {"min_cosine", "F32", {1}, 4},
                            {"layer", "I32", {1}, 4}},
                           out);
  write_little_endian(detector.axis, out);
  write_little_endian(std::vector<float>{detector.ordinary_norm, detector.min_norm_ratio, detector.min_cosine}, out);
  write_little_endian(std::vector<std::int32_t>{detector.layer}, out);
  if (!out.flush()) throw Error(ErrorCode::kOutput, "detector: writing failed; check the free space");
}

ReadDetector read_detector_safetensors(std::span<const std::byte> bytes, const std::string& what) {
  const DetectorBytes file(bytes, what);
  ReadDetector read;
  read.model = file.text_of("model").value_or("");
  read.model_sha256 = file.text_of("model_sha256").value_or("");
  TrainedDetector& trained = read.trained;
  SinkDetector& detector = trained.detector;
  detector.axis = file.floats_of("axis");
  detector.ordinary_norm = file.only("ordinary_norm", file.floats_of("ordinary_norm"));
  detector.min_norm_ratio = file.only("min_norm_ratio", file.floats_of("min_norm_ratio"));
  detector.min_cosine = file.only("min_cosine", file.floats_of("min_cosine"));
  const std::uint32_t layer = file.only("layer", file.words_of("layer", "I32"));
  if (layer > static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max())) file.fail("its layer is below 0");
  detector.layer = static_cast<int>(layer);
  double length = 0;
  for (const float x : detector.axis) length += static_cast<double>(x) * static_cast<double>(x);
  if (std::abs(std::sqrt(length) - 1) > 1e-3) file.fail("its axis is not of length 1");
  if (detector.ordinary_norm < 0 || detector.min_norm_ratio < 0) file.fail("its norms are below 0");
  trained.n_documents = file.number_of<std::int64_t>("documents").value_or(0);
  trained.reason = file.text_of("judged").value_or("");
  trained.recall = file.number_of<double>("recall");
  trained.precision = file.number_of<double>("precision");
  trained.n_sinks = file.number_of<std::int64_t>("sinks");
  trained.n_found = file.number_of<std::int64_t>("found");
  trained.n_false = file.number_of<std::int64_t>("false");
  return read;
}

}  // namespace sinkscope
