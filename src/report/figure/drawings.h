#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/chart.h"
#include "report/drawn_sinks.h"
#include "report/figure/figures.h"
#include "report/layer_data.h"

namespace sinkscope {

// What a drawing of one document is made from.
struct DrawnDocument {
  const NamedScan& scan;
  const FigureOptions& options;
  StoredDocument document;
  Detection detection;

  std::string token(int position) const;  // shown on one line
  std::string_view kind_name(SinkKind kind) const;
};

std::string draw_lives(const DrawnDocument& drawn);
std::string draw_map(const DrawnDocument& drawn);
std::string draw_rows(const DrawnDocument& drawn);
std::string draw_heads(const DrawnDocument& drawn);
std::string draw_norms(const DrawnDocument& drawn);
std::string draw_chart(const Chart& chart, double width, bool dark);
std::string draw_levels(const NamedScan& scan, const FigureOptions& options);

}  // namespace sinkscope
