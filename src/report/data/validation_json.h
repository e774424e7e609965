#pragma once

#include <string>

#include "plant/trial/controls.h"
#include "plant/trial/threshold_grid.h"
#include "plant/trial/validation.h"

namespace sinkscope {

// JSON, schema sinkscope.validation/1, with fixed key order.
//
// controls, grid  nullptr: not asked for
std::string validation_to_json(const Validation& validation, const ControlTable* controls, const ThresholdGrid* grid);

}  // namespace sinkscope
