#include "gguf/model_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr std::string_view kTail = "-00001-of-00000.gguf";  // digits of the count stand for any
constexpr std::size_t kCountAt = 10, kDigits = 5;

std::string tail_of(std::int64_t part, std::int64_t n_parts) {
  return fmt::format("-{:05}-of-{:05}.gguf", part, n_parts);
}

}  // namespace

bool is_named_as_part(const std::string& path) {
  if (path.size() <= kTail.size()) return false;
  const std::string_view tail = std::string_view(path).substr(path.size() - kTail.size());
  return tail.starts_with(kTail.substr(0, kCountAt)) && tail.ends_with(".gguf") &&
         std::ranges::all_of(tail.substr(kCountAt, kDigits), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::vector<std::string> model_parts(const GgufFile& first) {
  const std::string& path = first.path();
  const std::int64_t n_parts = first.metadata().integer("split.count").value_or(1);
  if (n_parts <= 1) return {path};
  constexpr std::int64_t kMostParts = 99999;
  const std::string tail = tail_of(1, n_parts);
  if (n_parts > kMostParts || !path.ends_with(tail)) {
    throw Error(ErrorCode::kModel,
                fmt::format("model '{}': expected the first of {} parts to be named ...{}, by which the others are "
                            "found; give the files the names that they were made with",
                            path, n_parts, tail));
  }
  const std::string stem = path.substr(0, path.size() - tail.size());
  std::vector<std::string> parts;
  for (std::int64_t part = 1; part <= n_parts; ++part) {
    parts.push_back(stem + tail_of(part, n_parts));
    std::error_code error;
    if (std::filesystem::is_regular_file(parts.back(), error)) continue;
    throw Error(ErrorCode::kModel, fmt::format("model '{}': expected its part {} of {} at '{}', found none; fetch all "
                                               "parts into one folder",
                                               path, part, n_parts, parts.back()));
  }
  return parts;
}

}  // namespace sinkscope
