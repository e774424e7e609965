#include "report/words.h"

#include <fmt/format.h>

#include <cmath>

#include "base/display_text.h"

namespace sinkscope {
namespace {

constexpr const char* kNotMeasured = "\u2013";

}  // namespace

std::string in_digits(std::optional<double> value) {
  if (!value || std::isnan(*value)) return kNotMeasured;
  const double size = std::fabs(*value);
  if (size == 0) return "0";
  if (size >= 99.95 && size < 1e15) return grouped(std::llround(*value));
  if (size >= 9.995) return fmt::format("{:.1f}", *value);
  if (size >= 0.9995) return fmt::format("{:.2f}", *value);
  if (size >= 0.001) return fmt::format("{:.3f}", *value);
  std::string small = fmt::format("{:.1e}", *value);  // 1.2e-04
  if (const std::size_t zero = small.find("e-0"); zero != std::string::npos) small.erase(zero + 2, 1);
  return small;
}

std::string in_percent(std::optional<double> fraction) {
  if (!fraction || std::isnan(*fraction)) return kNotMeasured;
  const double hundred = 100 * *fraction;
  return hundred >= 9.95 ? fmt::format("{:.0f} %", hundred) : fmt::format("{:.2g} %", hundred);
}

std::string level_name(const Level& level) {
  const auto& lifetimes = level.lifetimes;
  if (!lifetimes.median_is_lower_bound) return fmt::format("{}\u2013{}", level.l_start, level.l_end);
  return fmt::format("{}\u2013{}+", level.l_start, level.l_start + lifetimes.median - 1);
}

std::string_view kind_name(SinkKind kind) { return kind == SinkKind::kPrimaryLike ? "primary-like" : name_of(kind); }

std::string token_name(std::string_view bytes) {
  std::string name;
  for (const char c : displayable(bytes)) name += c == ' ' ? std::string("\u2423") : std::string(1, c);
  return name.empty() ? "\u2205" : name;
}

}  // namespace sinkscope
