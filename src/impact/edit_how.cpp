#include "impact/edit_how.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr double kEvictDistance = 64;

[[noreturn]] void refuse(const std::string& word) {
  throw Error(ErrorCode::kUsage,
              fmt::format("an edit: expected knockout, evict:D (a whole number from 1), unwrite, scale:F or clip:NORM "
                          "(a number from 0), got '{}'",
                          word));
}

}  // namespace

EditHow edit_how_from(const std::string& word, std::optional<EditedLayers> layers) {
  const std::size_t colon = word.find(':');
  const std::string name = word.substr(0, colon);
  std::optional<double> number;
  if (colon != std::string::npos) {
    double value = 0;
    const char* end = word.data() + word.size();
    const auto [read, problem] = std::from_chars(word.data() + colon + 1, end, value);
    if (problem != std::errc() || read != end || !std::isfinite(value) || value < 0) refuse(word);
    number = value;
  }
  const auto all_of_run = layers.value_or(EditedLayers::kRun);
  if (name == "knockout" && !number) return {EditKind::kKnockout, 0, EditedLayers::kRun};
  if (name == "unwrite" && !number) return {EditKind::kUnwrite, 0, all_of_run};
  if (name == "scale" && number) return {EditKind::kScale, *number, all_of_run};
  if (name == "clip" && number) return {EditKind::kClip, *number, layers.value_or(EditedLayers::kFirst)};
  if (name == "evict") {
    const double distance = number.value_or(kEvictDistance);
    if (distance >= 1 && distance <= 1e9 && distance == std::floor(distance)) {
      return {EditKind::kEvict, distance, EditedLayers::kRun};
    }
  }
  refuse(word);
}

std::string word_of(const EditHow& how) {
  switch (how.kind) {
    case EditKind::kKnockout:
      return "knockout";
    case EditKind::kEvict:
      return fmt::format("evict:{}", how.number);
    case EditKind::kUnwrite:
      return "unwrite";
    case EditKind::kScale:
      return fmt::format("scale:{}", how.number);
    default:
      return fmt::format("clip:{}", how.number);
  }
}

std::vector<EditHow> edits_from(std::span<const std::string> words, std::optional<EditedLayers> layers) {
  std::vector<EditHow> edits;
  for (const std::string& word : words) {
    const EditHow how = edit_how_from(word, layers);
    if (std::ranges::find(edits, how) != edits.end()) {
      throw Error(ErrorCode::kUsage, "ablate: expected each edit once, got " + word + " again");
    }
    edits.push_back(how);
  }
  return edits;
}

std::string_view layers_word_of(const EditHow& how) {
  return how.hides() ? "blocks" : how.layers == EditedLayers::kFirst ? "first" : "run";
}

}  // namespace sinkscope
