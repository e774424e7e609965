#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "levels/levels.h"
#include "report/named_scan.h"
#include "report/options.h"

namespace sinkscope {

struct FigureOptions {
  std::string figure;         // a name of figures()
  std::string quantity;       // of maps, rows, heads and norms; empty: the figure's first
  std::int64_t document = 0;  // ordinal; levels are of all documents
  std::optional<int> token;   // position, of heads; by default the first sink
  int width = 1100;           // pixels
  bool dark = false;
  ReportOptions report;
  LevelOptions levels;
};

struct FigureName {
  std::string_view name, what;
};
std::span<const FigureName> figures();

// One of the report's figures as an SVG that stands alone. At equal width its marks lie where the page draws them.
//
// throws  Error{kUsage} as check_answerable, or for a figure or quantity that there is not;
//         Error{kInput} if the file lacks the document, or keeps too little for the figure: says which scan would;
//         Error{kOutput} if `out` fails
void write_figure(const NamedScan& scan, const FigureOptions& options, std::ostream& out);
// The same as a PNG of `density` pixels for each of the drawing.
//
// throws  as write_figure and png_of_svg
void write_figure_png(const NamedScan& scan, const FigureOptions& options, double density, std::ostream& out);

}  // namespace sinkscope
