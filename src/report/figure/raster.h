#pragma once

#include <string>
#include <string_view>

namespace sinkscope {

// An SVG of this room as a PNG, drawn by the librsvg of this machine (2.52 or newer), which is looked for when it is needed:
// nothing else of the program asks for it.
//
// scale    pixels of the PNG for each of the drawing, > 0
// returns  the file's bytes; its text chunk "Software" names sinkscope
// throws   Error{kUsage} where the machine has no such librsvg; Error{kOutput} if it fails
std::string png_of_svg(const std::string& svg, double scale);

// Whether a file that begins with these bytes was written by png_of_svg.
bool is_png_of_svg(std::string_view head);

}  // namespace sinkscope
