#pragma once

#include <optional>
#include <string_view>

#include "base/json_writer.h"
#include "report/chart.h"

namespace sinkscope {

// A chart as the page draws it (web/src/data/report.ts, Chart).
//
// page  of the report, on which it stands
void write_chart(JsonWriter& json, const Chart& chart, std::string_view page);

// What the page draws is drawn to a tenth of a pixel: float32 is enough.
std::optional<float> drawn_number(const std::optional<double>& value);

}  // namespace sinkscope
