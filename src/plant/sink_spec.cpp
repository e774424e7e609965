#include "plant/sink_spec.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/key_values.h"

namespace sinkscope {
namespace {

[[noreturn]] void refuse(std::string_view text, const std::string& what) {
  throw Error(ErrorCode::kUsage,
              fmt::format("sink \"{}\": expected e.g. \"layer=14,token=' time',norm=4000\"; got {}", text, what));
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

SinkSpec parse_sink_spec(std::string_view text) {
  SinkSpec spec;
  for (const auto& [key, value] : key_values_of(text, [&](const std::string& what) { refuse(text, what); })) {
    if (key == "layer") {
      spec.layer = number<int>(value).value_or(-1);
      if (spec.layer < 0) refuse(text, fmt::format("layer '{}'", value));
    } else if (key == "token") {
      spec.token = value;
    } else if (key == "id") {
      spec.id = number<TokenId>(value);
      if (!spec.id || *spec.id < 0) refuse(text, fmt::format("id '{}'", value));
    } else if (key == "norm") {
      spec.norm = number<double>(value);
      if (!spec.norm || !(*spec.norm > 0) || !std::isfinite(*spec.norm)) refuse(text, fmt::format("norm '{}'", value));
    } else if (key == "direction") {
      spec.direction = value;
    } else {
      refuse(text, fmt::format("'{}'", key));
    }
  }
  if (spec.layer < 0) refuse(text, "no layer");
  if (spec.token.empty() == !spec.id) refuse(text, "not just one of token and id");
  return spec;
}

std::vector<double> parse_norm_ladder(std::string_view text) {
  const std::size_t first = text.find(':'), second = text.rfind(':');
  const auto least = number<double>(text.substr(0, std::min(first, text.size())));
  const auto most = first < second ? number<double>(text.substr(first + 1, second - first - 1)) : std::nullopt;
  const auto count = first < second ? number<int>(text.substr(second + 1)) : std::nullopt;
  if (!least || !most || !count || !(*least > 0) || !(*most >= *least) || !std::isfinite(*most) || *count < 2 ||
      *count > 1000) {
    throw Error(ErrorCode::kUsage,
                fmt::format("norms '{}': expected LEAST:MOST:COUNT such as 300:6000:8, at least two", text));
  }
  std::vector<double> norms;
  for (int i = 0; i < *count; ++i)
    norms.push_back(*least * std::pow(*most / *least, i / static_cast<double>(*count - 1)));
  return norms;
}

}  // namespace sinkscope
