#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "impact/ablation.h"

namespace sinkscope {

// Sinks that the user names, so that others can repeat a run exactly:
//
//   {"sequences": [{"document": KEY, "sinks": [{"position": 224, "l_start": 4, "l_end": 15}],
//                   "placebo": [[230], [228]]}]}
//
// "placebo" may lack: then draws are made. It has one position for each sink in each draw. "document" may lack where
// there is one.
//
// only_key  of the one document that there is; empty: there are several
// returns   by document key
// throws    Error{kInput} if the JSON says anything else
std::map<std::string, NamedSinks> named_sinks_from(const nlohmann::json& json, const std::string& only_key);

}  // namespace sinkscope
