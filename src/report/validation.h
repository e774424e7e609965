#pragma once

#include <iosfwd>
#include <string>

#include "plant/controls.h"
#include "plant/threshold_grid.h"
#include "plant/validation.h"
#include "report/terminal.h"

namespace sinkscope {

// JSON, schema sinkscope.validation/1, with fixed key order.
//
// controls, grid  nullptr: not asked for
std::string validation_to_json(const Validation& validation, const ControlTable* controls, const ThresholdGrid* grid);

// The same for people: a row for each planted sink, the totals, the primary, the controls, the thresholds.
void write_validation(const Validation& validation, const ControlTable* controls, const ThresholdGrid* grid,
                      const TerminalStyle& style, std::ostream& out);

// What was planted, a row for each sink.
void write_planted(const PlantTruth& truth, const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
