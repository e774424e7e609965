#pragma once

#include <iosfwd>

#include "plant/trial/controls.h"
#include "plant/trial/threshold_grid.h"
#include "plant/trial/validation.h"
#include "report/text/terminal.h"

namespace sinkscope {

// A validation for people: a row for each planted sink, the totals, the primary, the controls, the thresholds.
//
// controls, grid  nullptr: not asked for
void write_validation(const Validation& validation, const ControlTable* controls, const ThresholdGrid* grid,
                      const TerminalStyle& style, std::ostream& out);

// What was planted, a row for each sink.
void write_planted(const PlantTruth& truth, const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
