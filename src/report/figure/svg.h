#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/figure/palette.h"

namespace sinkscope {

// The place of a drawing's axes in it, in pixels.
struct Frame {
  double width = 0, height = 0, left = 0, right = 0, top = 0, bottom = 0;
};

// From numbers to places on a drawing. web/src/draw/scale.ts is the same.
struct Axis {
  std::function<double(double)> at;
  std::vector<double> ticks;
};
Axis linear_axis(double low, double high, double from, double to, int n_ticks = 6);
Axis logarithmic_axis(double low, double high, double from, double to);
// Layers are whole numbers: at most `most` ticks.
std::vector<double> layer_ticks(int n_layers, int most);
// The axis of the middles of cells that `axis` gives the edges of.
Axis middles(const Axis& axis);

// By which a drawing is known as one of this program's; it stands near its beginning.
inline constexpr std::string_view kSvgMark = "<metadata>sinkscope</metadata>";

// An SVG 1.1 drawing that stands alone: no script, no style sheet, nothing to load. Texts are escaped.
class Svg {
 public:
  Svg(const Frame& frame, const Theme& theme, std::string_view title);

  const Frame& frame() const { return frame_; }
  // Where axes lie from now on; the last one is the drawing's size.
  void use_frame(const Frame& frame) { frame_ = frame; }
  const Theme& theme() const { return theme_; }

  // style  attributes as they stand, such as fill="#fff"
  // title  what a pointer over the shape is told; empty: nothing
  void rect(double x, double y, double width, double height, std::string_view style, std::string_view title = {});
  void path(std::string_view d, std::string_view style, std::string_view title = {});
  void ellipse(double x, double y, double rx, double ry, std::string_view style);
  // style  as above; fill and font are the theme's where it names none
  void text(double x, double y, std::string_view text, std::string_view style = {});
  void image(double x, double y, double width, double height, std::string_view png_base64);
  void raw(std::string_view svg) { body_ += svg; }
  void mark(SinkKind kind, double x, double y, double radius, std::string_view title = {});

  void left_axis(const Axis& axis, std::string_view title, const std::vector<double>& ticks, bool lines);
  // room  between the axis and its title, for names of more than a line
  void bottom_axis(const Axis& axis, const std::vector<double>& ticks, std::string_view title, double room = 0);
  // A map's name and, right of it or below, its colours with the numbers that they stand for.
  void named_key(double left, std::string_view name, const Ramp& ramp, int first,
                 const std::vector<std::string>& labels);

  // The whole file.
  std::string finish() const;

 private:
  Frame frame_;
  const Theme& theme_;
  std::string title_, body_;
};

// How much room a drawing leaves above its cells for its name and key.
double key_room(double width);
// A place with at most two decimals.
std::string place(double value);

}  // namespace sinkscope
