#include "report/figure/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/encodings.h"

namespace sinkscope {
namespace {

constexpr const char* kSans = "system-ui, 'DejaVu Sans', sans-serif";
constexpr double kKeyWidth = 220, kKeyHeight = 10;
constexpr int kKeyStops = 24;

double nice_step(double rough) {
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const int digit : {1, 2, 5}) {
    if (digit * power >= rough) return digit * power;
  }
  return 10 * power;
}

// Ticks are round: all their digits, and no more.
std::string tick_label(double tick) {
  if (std::nearbyint(tick) == tick) return grouped(std::llround(tick));
  std::string digits = fmt::format("{:.6g}", tick);  // 2e-05
  if (const std::size_t zero = digits.find("e-0"); zero != std::string::npos) digits.erase(zero + 2, 1);
  return digits;
}

std::string title_element(std::string_view title) {
  return title.empty() ? std::string() : fmt::format("<title>{}</title>", escaped_xml(title));
}

std::string closed(std::string_view name, std::string_view title) {
  return title.empty() ? "/>\n" : fmt::format(">{}</{}>\n", title_element(title), name);
}

}  // namespace

std::string place(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

Axis linear_axis(double low, double high, double from, double to, int n_ticks) {
  const double span = high > low ? high - low : 1;
  const double step = nice_step(span / std::max(1, n_ticks));
  Axis axis{[=](double value) { return from + (value - low) / span * (to - from); }, {}};
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + step * 1e-9; ++k) axis.ticks.push_back(k * step);
  return axis;
}

Axis logarithmic_axis(double low, double high, double from, double to) {
  const double a = std::log10(low), b = std::log10(high > low ? high : low * 10), decades = b - a;
  Axis axis{[=](double value) { return from + (std::log10(value) - a) / decades * (to - from); }, {}};
  const std::vector<double> digits = decades < 0.6 ? std::vector{1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0}
                                     : decades < 1.5 ? std::vector{1.0, 2.0, 5.0}
                                     : decades < 3   ? std::vector{1.0, 3.0}
                                                     : std::vector{1.0};
  for (double power = std::floor(a); power <= std::ceil(b); ++power) {
    for (const double digit : digits) {
      const double tick = digit * std::pow(10, power);
      if (std::log10(tick) >= a - 1e-9 && std::log10(tick) <= b + 1e-9) axis.ticks.push_back(tick);
    }
  }
  return axis;
}

std::vector<double> layer_ticks(int n_layers, int most) {
  const double step = std::max(1.0, nice_step(static_cast<double>(n_layers) / std::max(1, most)));
  std::vector<double> ticks;
  for (double tick = 0; tick < n_layers; tick += step) ticks.push_back(tick);
  return ticks;
}

Axis middles(const Axis& axis) {
  return {[at = axis.at](double value) { return at(value + 0.5); }, axis.ticks};
}

Svg::Svg(const Frame& frame, const Theme& theme, std::string_view title)
    : frame_(frame), theme_(theme), title_(escaped_xml(title)) {}

void Svg::rect(double x, double y, double width, double height, std::string_view style, std::string_view title) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}{}", place(x), place(y), place(width),
                       place(height), style, closed("rect", title));
}

void Svg::path(std::string_view d, std::string_view style, std::string_view title) {
  body_ += fmt::format("<path d=\"{}\" {}{}", d, style, closed("path", title));
}

void Svg::ellipse(double x, double y, double rx, double ry, std::string_view style) {
  body_ += fmt::format("<ellipse cx=\"{}\" cy=\"{}\" rx=\"{}\" ry=\"{}\" {}/>\n", place(x), place(y), place(rx),
                       place(ry), style);
}

void Svg::text(double x, double y, std::string_view text, std::string_view style) {
  const std::string fill =
      style.find("fill=") == std::string_view::npos ? fmt::format(" fill=\"{}\"", theme_.muted) : "";
  body_ += fmt::format("<text x=\"{}\" y=\"{}\"{} {}>{}</text>\n", place(x), place(y), fill, style, escaped_xml(text));
}

void Svg::image(double x, double y, double width, double height, std::string_view png_base64) {
  body_ += fmt::format(
      "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" "
      "xlink:href=\"data:image/png;base64,{}\"/>\n",
      place(x), place(y), place(width), place(height), png_base64);
}

void Svg::mark(SinkKind kind, double x, double y, double radius, std::string_view title) {
  const auto at = [&](double dx, double dy) { return place(x + dx * radius) + "," + place(y + dy * radius); };
  const std::string style = fmt::format("fill=\"{}\"", theme_.of(kind));
  switch (kind) {
    case SinkKind::kPrimary:
      body_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {}{}", place(x), place(y), place(radius), style,
                           closed("circle", title));
      return;
    case SinkKind::kPrimaryLike:
      return path(fmt::format("M{}L{}L{}L{}Z", at(0, -1.2), at(1.2, 0), at(0, 1.2), at(-1.2, 0)), style, title);
    case SinkKind::kSecondary:
      return path(fmt::format("M{}L{}L{}Z", at(0, -1.1), at(1.1, 0.9), at(-1.1, 0.9)), style, title);
    case SinkKind::kUnaligned:
      return rect(x - radius, y - radius, 2 * radius, 2 * radius, style, title);
  }
}

void Svg::bottom_axis(const Axis& axis, const std::vector<double>& ticks, std::string_view title, double room) {
  const double y = frame_.height - frame_.bottom, end = frame_.width - frame_.right;
  const std::string rule = fmt::format("stroke=\"{}\" fill=\"none\"", theme_.muted);
  path(fmt::format("M{},{}H{}", place(frame_.left), place(y), place(end)), rule);
  for (const double tick : ticks) {
    path(fmt::format("M{},{}v4", place(axis.at(tick)), place(y)), rule);
    text(axis.at(tick), y + 16, tick_label(tick), "text-anchor=\"middle\"");
  }
  text((frame_.left + end) / 2, y + 34 + room, title, "text-anchor=\"middle\"");
}

void Svg::left_axis(const Axis& axis, std::string_view title, const std::vector<double>& ticks, bool lines) {
  for (const double tick : ticks) {
    const double y = axis.at(tick);
    if (lines) {
      path(fmt::format("M{},{}H{}", place(frame_.left), place(y), place(frame_.width - frame_.right)),
           fmt::format("stroke=\"{}\" fill=\"none\"", theme_.line));
    }
    text(frame_.left - 8, y + 4, tick_label(tick), "text-anchor=\"end\"");
  }
  const double middle = (frame_.top + frame_.height - frame_.bottom) / 2;
  text(0, 0, title, fmt::format("text-anchor=\"middle\" transform=\"translate(13 {}) rotate(-90)\"", place(middle)));
}

double key_room(double width) { return width < 520 ? 50 : 32; }

void Svg::named_key(double left, std::string_view name, const Ramp& ramp, int first,
                    const std::vector<std::string>& labels) {
  text(left, 14, name, fmt::format("font-size=\"14\" font-weight=\"600\" fill=\"{}\"", theme_.ink));
  const double from = frame_.width - frame_.right - kKeyWidth, top = key_room(frame_.width) - 30;
  for (int i = 0; i < kKeyStops; ++i) {
    const auto code = static_cast<std::size_t>(first + (255 - first) * i / (kKeyStops - 1));
    // A little wider than their share, so that no seam shows between them.
    rect(from + kKeyWidth * i / kKeyStops, top, kKeyWidth / kKeyStops + (i + 1 < kKeyStops ? 0.5 : 0), kKeyHeight,
         fmt::format("fill=\"{}\"", css_colour(ramp[code])));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double part = labels.size() < 2 ? 0 : static_cast<double>(i) / static_cast<double>(labels.size() - 1);
    const char* anchor = i == 0 ? "start" : i + 1 == labels.size() ? "end" : "middle";
    text(from + kKeyWidth * part, top + kKeyHeight + 13, labels[i], fmt::format("text-anchor=\"{}\"", anchor));
  }
}

std::string Svg::finish() const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{0}\" "
      "height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"{2}\" font-size=\"12\">\n<title>{3}</title>\n{6}\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"{4}\"/>\n{5}</svg>\n",
      place(frame_.width), place(frame_.height), kSans, title_, theme_.surface, body_, kSvgMark);
}

}  // namespace sinkscope
