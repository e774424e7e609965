#pragma once

#include <iosfwd>
#include <string>

#include "impact/steer.h"

namespace sinkscope {

// JSON of schema "sinkscope.steer/1"; docs/steer.md lists its fields. Equal results give equal bytes.
//
// model   its name
// throws  Error{kOutput} if `out` fails
void write_steer_json(const std::string& model, const Steering& steering, const SteerRequest& request,
                      std::ostream& out);

}  // namespace sinkscope
