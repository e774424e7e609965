#pragma once

#include "base/json_writer.h"
#include "store/records.h"

namespace sinkscope {

// The member "model" of an object that is open: what all JSON of ours says of a model.
void write_model(JsonWriter& json, const ModelRecord& model);

}  // namespace sinkscope
