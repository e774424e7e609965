#pragma once

#include "base/json_writer.h"
#include "formation/layer_map.h"

namespace sinkscope {

// One object of `map` of sinkscope.explain/1.
void write_map(JsonWriter& json, const LayerMap& map);

}  // namespace sinkscope
